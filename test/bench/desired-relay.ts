import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** Stands between an agent and its broker, and notes when a desired document passes to the agent. */
export interface DesiredRelay {
  readonly url: string;
  /** Milliseconds since 1970 at which the newest desired document was handed to the agent's socket. */
  readonly passedAtMs: () => number;
  close(): Promise<void>;
}

/** In the topic of a message to the agent; its own subscription goes the other way. */
const DESIRED_TOPIC = '/desired';

/** @param broker `HOST:PORT` */
export async function createDesiredRelay(broker: string): Promise<DesiredRelay> {
  const [host = '', port = ''] = broker.split(':');
  const sockets = new Set<Socket>();
  let passedAtMs = 0;

  const join = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };

  const server = createServer((agent) => {
    const hub = connect(Number(port), host);
    join(agent, hub);
    join(hub, agent);
    agent.on('data', (chunk: Buffer) => hub.write(chunk));
    hub.on('data', (chunk: Buffer) => {
      if (chunk.includes(DESIRED_TOPIC)) passedAtMs = Date.now();
      agent.write(chunk);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passedAtMs: () => passedAtMs,
    close: async () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
