import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { joinStreams } from '../../shared/tunnel/join-streams.ts';

interface ForwardOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly dial: () => Promise<Duplex>;
  /** A connection that came to nothing. */
  readonly failed: (sentence: string) => void;
}

/** Listens here, and opens a stream for each connection that comes in. */
export async function forwardPort({ host, port, clock, dial, failed }: ForwardOptions): Promise<Server> {
  const join = async (socket: Socket) => {
    try {
      socket.on('error', () => socket.destroy());
      const stream = await dial();
      stream.on('error', (error) => failed(messageOf(error)));
      joinStreams(stream, socket, clock);
      if (socket.destroyed) stream.destroy();
    } catch (error) {
      socket.destroy();
      failed(messageOf(error));
    }
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => void join(socket));
  server.listen({ host, port });
  await once(server, 'listening');
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
