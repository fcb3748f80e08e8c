import { readFile, readdir, readlink } from 'node:fs/promises';
import { codeOf } from '../../shared/base/errors.ts';
import { processName } from '../machine/command.ts';
import { socketFiles } from '../machine/files.ts';
import type { RunRecord } from '../ports.ts';

/** A process as /proc tells of it. */
export interface LiveProcess {
  readonly pid: number;
  /** When it started, in clock ticks since the host's boot: with the pid, what no other process of a boot has. */
  readonly startTicks: number;
  readonly command: readonly string[];
}

/**
 * State and start time (fields 3 and 22) of `/proc/<pid>/stat`, proc(5). The name before them is in parentheses and
 * may hold spaces and parentheses itself, so that fields are counted from the last one.
 */
export function parseStat(text: string): { state: string; startTicks: number } | undefined {
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  const startTicks = Number(fields[19]);
  return fields[0] === undefined || !Number.isSafeInteger(startTicks)
    ? undefined
    : { state: fields[0], startTicks };
}

/** The start time of a process, or undefined where none of that pid lives (a zombie does not). */
export async function readStartTicks(pid: number): Promise<number | undefined> {
  const stat = parseStat((await readFile(`/proc/${pid}/stat`, 'utf8').catch(unlessElsewhere)) ?? '');
  return stat === undefined || stat.state === 'Z' || stat.state === 'X' ? undefined : stat.startTicks;
}

/**
 * The process `pid`, if it lives and is the QEMU of the machine whose folder is `folder`, or on the way to become it
 * (in one of the wrappers). The command line has the machine's uid; the folder is its working directory, which tells
 * it from a process of another agent.
 */
export async function readMachineProcess(
  pid: number,
  folder: string,
  uid: string,
): Promise<LiveProcess | undefined> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(unlessElsewhere);
  if (cwd !== folder) return undefined;
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(unlessElsewhere);
  const command = words?.split('\0').slice(0, -1) ?? [];
  if (!command.some((argument) => isNameOf(argument, uid))) return undefined;
  const startTicks = await readStartTicks(pid);
  return startTicks === undefined ? undefined : { pid, startTicks, command };
}

/** The process that a record is about, if it still lives. */
export async function readRecordedProcess(
  record: RunRecord,
  folder: string,
): Promise<LiveProcess | undefined> {
  if (record.pid === undefined) return undefined;
  const found = await readMachineProcess(record.pid, folder, record.uid);
  return found?.startTicks === record.startTicks ? found : undefined;
}

/** Looks through all processes for the machine's, for when no record says which it is. */
export async function findMachineProcess(folder: string, uid: string): Promise<LiveProcess | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => readMachineProcess(pid, folder, uid)));
  return found.find((process) => process !== undefined);
}

/** The run of a process, by the sockets in its command line. */
export function readRunNumber({ command }: LiveProcess): number | undefined {
  const [before = '', after = ''] = socketFiles(0).qmp.split('0');
  for (const argument of command) {
    const start = argument.indexOf(before);
    const run = start < 0 ? NaN : Number.parseInt(argument.slice(start + before.length), 10);
    if (Number.isInteger(run) && argument.includes(`${before}${run}${after}`)) return run;
  }
  return undefined;
}

/**
 * Undefined for a process that has gone, or is another user's. Any other failure (too many open files, say) must not
 * pass for that: the machine would be taken for dead.
 */
function unlessElsewhere(error: unknown): undefined {
  if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
}

function isNameOf(argument: string, uid: string): boolean {
  const suffix = processName({ namespace: '', name: '', uid }).slice(1);
  return argument.startsWith('guest=') && argument.includes(`${suffix},`);
}
