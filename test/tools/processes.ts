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

/** Field 22 of `/proc/<pid>/stat`: with the pid it names a process, as a pid alone does not. */
export function startTicksOf(pid: number): number {
  // The second field is a name in brackets that may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return Number(fields[19]);
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

/** The TCP sockets that a process listens on. */
export function listening(pid = 0): string[] {
  const inodes = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
  return ['tcp', 'tcp6']
    .flatMap((family) => readFileSync(`/proc/${pid}/net/${family}`, 'utf8').split('\n').slice(1))
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '0A' && inodes.includes(row[9] ?? ''))
    .map((row) => row[1] ?? '');
}
