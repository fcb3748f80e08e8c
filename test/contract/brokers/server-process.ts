import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { waitFor } from '../../tools/wait-for.ts';

export interface ServerProcess {
  run(): Promise<void>;
  /** SIGKILL to it and all that it started. */
  kill(): Promise<void>;
}

/** A program that serves at a port of loopback, with its own process group. */
export function createServerProcess(
  command: readonly [string, ...string[]],
  port: number,
  environment: Readonly<Record<string, string>> = {},
): ServerProcess {
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  return {
    async run() {
      const [program, ...args] = command;
      const env = { ...process.env, ...environment };
      const started = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
      child = started;
      let output = '';
      for (const stream of [started.stdout, started.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (output = `${output}${text}`.slice(-4_000)));
      }
      ended = new Promise((resolve) => {
        started.once('exit', () => resolve());
        started.once('error', () => resolve());
      });
      await waitFor(`${program} at port ${port}`, () => {
        if (started.exitCode !== null) throw new Error(`it ended: ${output}`);
        return answers(port);
      }).catch((error: unknown) => {
        throw new Error(`${program} said: ${output}`, { cause: error });
      });
    },
    async kill() {
      if (child?.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It is gone already.
      }
      await ended;
      child = undefined;
    },
  };
}

/** Whether a program is installed; Debian's servers are in sbin, which is not in everybody's path. */
export function findProgram(name: string): string | undefined {
  return ['/usr/sbin', '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
