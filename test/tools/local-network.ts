import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate } from './gate.ts';
import { createNamespace } from './namespace.ts';
import { endProcess } from './wire.ts';

/** A box's own network, in which ports of this host's loopback are found as on the host itself. */
export interface LocalNetwork {
  /** Words before a command that make it run there. */
  readonly within: readonly string[];
  close(): Promise<void>;
}

/**
 * For an agent that makes bridges: they are gone with it, and nothing of this host's own network is touched.
 * @param addresses `127.0.0.1:PORT` each
 */
export async function createLocalNetwork(addresses: readonly string[]): Promise<LocalNetwork> {
  const namespace = createNamespace(`hf${process.pid}l`);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-local-'));
  const doors = await Promise.all(
    addresses.map(async (address) => {
      const port = address.split(':')[1] ?? '';
      const path = join(folder, port);
      // A file's socket is in no network: it leads out of the namespace.
      const gate = await createGate(() => address, path);
      const listen = `TCP4-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`;
      const [command = '', ...args] = [...namespace.within, 'socat', listen, `UNIX-CONNECT:${path}`];
      return { gate, porter: spawn(command, args, { stdio: 'ignore' }) };
    }),
  );
  return {
    within: namespace.within,
    async close() {
      for (const { gate, porter } of doors) {
        await endProcess(porter);
        await gate.close();
      }
      rmSync(folder, { recursive: true });
      namespace.close();
    },
  };
}
