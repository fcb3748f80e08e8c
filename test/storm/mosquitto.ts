import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** A broker of its own process, that keeps nothing and so forgets all when it is killed. */
export interface Mosquitto {
  /** `mqtt://HOST:PORT`, the same after each start. */
  readonly url: string;
  start(): void;
  kill(): Promise<void>;
}

/** Debian's servers are in sbin, which is not in everybody's path. */
const PROGRAM = '/usr/sbin/mosquitto';

export function hasMosquitto(): boolean {
  try {
    execFileSync('test', ['-x', PROGRAM]);
    return true;
  } catch {
    return false;
  }
}

export async function createMosquitto(folder: string): Promise<Mosquitto> {
  const port = await findFreePort();
  const file = join(folder, 'mosquitto.conf');
  // Who may do what is for the brokers' own tests.
  writeFileSync(file, `listener ${port} 127.0.0.1\nuser ${userInfo().username}\nallow_anonymous true\n`);
  let child: ChildProcess | undefined;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    start() {
      child = spawn(PROGRAM, ['-c', file], { stdio: 'ignore' });
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
