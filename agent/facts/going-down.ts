import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Whether the box itself is on its way down, and not just the agent: then guests are asked to shut down first.
 * What can't be found out is no shutdown: an agent that is merely stopped leaves its machines running.
 */

const DEADLINE_MS = 5_000;
const run = promisify(execFile);

/** What the box says of itself. */
export interface SystemState {
  /** Of `systemctl is-system-running`. */
  readonly systemd?: string;
  /** Of `runlevel`: the one before and the one now. */
  readonly runlevel?: string;
}

/** Halt and reboot are the runlevels 0 and 6 (runlevel(8)); systemd says "stopping" (systemctl(1)). */
export function isGoingDown({ systemd, runlevel }: SystemState): boolean {
  if (systemd !== undefined) return systemd.trim() === 'stopping';
  const now = runlevel?.trim().split(/\s+/).at(-1);
  return now === '0' || now === '6';
}

export async function readSystemState(): Promise<SystemState> {
  if (existsSync('/run/systemd/system')) {
    const systemd = await read('systemctl', ['is-system-running']);
    return systemd === undefined ? {} : { systemd };
  }
  const runlevel = await read('runlevel', []);
  return runlevel === undefined ? {} : { runlevel };
}

/** What a program prints, also where it fails: `is-system-running` does so in every state but one. */
async function read(file: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run(file, args, { timeout: DEADLINE_MS })).stdout;
  } catch (error) {
    const { stdout } = error as { stdout?: unknown };
    return typeof stdout === 'string' && stdout !== '' ? stdout : undefined;
  }
}
