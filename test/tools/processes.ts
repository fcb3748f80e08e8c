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

/** The command lines of processes that name `text` or run below it. */
export function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(text) || readlinkSync(`/proc/${entry}/cwd`).startsWith(text) ? [command] : [];
      } catch {
        return [];
      }
    });
}
