import type { WebSocketServer } from 'ws';
import type { Clock } from '../ports.ts';

/** How long the other ends may take to hang up. */
const DEADLINE_MS = 1_000;

/** Waits until the WebSockets of a server, which are being closed, are; those that take too long are cut. */
export async function closeSockets({ clients }: WebSocketServer, clock: Clock): Promise<void> {
  const open = [...clients];
  const closed = open.map((one) => new Promise<void>((resolve) => one.once('close', () => resolve())));
  const cancel = clock.after(DEADLINE_MS, () => {
    for (const one of open) one.terminate();
  });
  await Promise.all(closed);
  cancel();
}
