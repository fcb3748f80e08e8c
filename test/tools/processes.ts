import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** The QEMU processes of machines whose folders lie below `folder`, in which each runs. */
export function qemusBelow(folder: string): { pid: number; uid: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const [program = ''] = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
        const cwd = readlinkSync(`/proc/${entry}/cwd`);
        const isOurs = program.includes('qemu-system') && cwd.startsWith(folder);
        return isOurs ? [{ pid: Number(entry), uid: basename(cwd) }] : [];
      } catch {
        // It ended while it was looked at.
        return [];
      }
    });
}
