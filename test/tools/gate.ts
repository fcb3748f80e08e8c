import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** Carries bytes to an address, and can be shut. */
export interface Gate {
  /** Where it listens, as `HOST:PORT`; '' where that is a path. */
  readonly address: string;
  /** Cuts what is connected and takes nobody in until it is opened again. */
  shut(): void;
  open(): void;
  close(): Promise<void>;
}

/**
 * @param at a path for a Unix socket, or nothing for a free port of loopback
 * @param target the `HOST:PORT` that it leads to, as it is now
 */
export async function createGate(target: () => string, at?: string): Promise<Gate> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  const keep = (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    return socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    if (!isOpen) return void near.destroy();
    const [host = '', port] = target().split(':');
    const far = keep(connect(Number(port), host));
    keep(near).pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => {
    if (at === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(at, resolve);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: at === undefined ? `127.0.0.1:${(server.address() as AddressInfo).port}` : '',
    shut() {
      isOpen = false;
      cut();
    },
    open: () => (isOpen = true),
    async close() {
      cut();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
