import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server on a Unix socket of its own; `serve` gets each client and each line that it sends. */
export async function createFakeSocket(
  greet: (client: Socket) => void,
  answer: (client: Socket, line: Buffer) => void,
) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-socket-'));
  const path = join(folder, 'socket');
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => {});
    let held = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
        answer(client, held.subarray(0, end));
        held = held.subarray(end + 1);
      }
    });
    greet(client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    hangUp: () => clients.forEach((client) => client.destroy()),
    async close() {
      clients.forEach((client) => client.destroy());
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}
