import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finished } from './kubectl.ts';

export const HOLDFAST = join(import.meta.dirname, '../../bin/holdfast');

/** A `holdfast` process that goes on until it is ended. */
export interface Service {
  readonly pid: number;
  readonly log: () => string;
  /** Ends it, and resolves when it is gone. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<void>;
  readonly exitCode: () => number | null;
}

/** Starts `bin/holdfast` with its output in `logFile`, `within` being words before it such as `nice`. */
export function startService(
  args: readonly string[],
  logFile: string,
  within: readonly string[] = [],
): Service {
  const log = openSync(logFile, 'a');
  const [command = '', ...rest] = [...within, HOLDFAST, ...args];
  const child: ChildProcess = spawn(command, rest, { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    log: () => readFileSync(logFile, 'utf8'),
    exitCode: () => child.exitCode,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      await ended;
    },
  };
}

/** Runs `bin/holdfast` to its end. */
export async function runHoldfast(
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly stdin?: string } = {},
): Promise<Finished> {
  const child = spawn(HOLDFAST, args, { env: { ...process.env, ...options.env }, timeout: 150_000 });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
