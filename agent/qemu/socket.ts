import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import { withSocketPath } from '../../shared/host/unix-socket.ts';
import type { Clock } from '../../shared/ports.ts';
import { withDeadline } from '../../shared/base/deadline.ts';

/**
 * Connects to a Unix socket, however long its path. Rejects with the system's error, e.g. ECONNREFUSED, or with
 * what `late` says after `deadlineMs`: a server that is stopped lets its queue of connections run full.
 */
export async function connectSocket(
  path: string,
  clock: Clock,
  deadlineMs: number,
  late: () => Error,
): Promise<Socket> {
  return withSocketPath(path, async (short) => {
    const socket = createConnection(short);
    try {
      await withDeadline(clock, deadlineMs, once(socket, 'connect'), late);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  });
}
