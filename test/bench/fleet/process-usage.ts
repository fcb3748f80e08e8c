import { readFileSync } from 'node:fs';

/** Linux counts processor time in these, whatever its own clock (sysconf(_SC_CLK_TCK) is 100 everywhere). */
const TICKS_PER_SECOND = 100;

/** Processor time that a process has taken, all its threads together, in milliseconds: proc(5), `stat`. */
export function readCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in brackets may hold anything; what follows it are numbers, user and system time the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
