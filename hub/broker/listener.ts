import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { formatAddress } from '../../shared/base/address.ts';
import type { Address } from '../../shared/config/settings.ts';
import { createWaitingRoom } from './waiting-room.ts';

/** With Node's 511, five thousand connects at once took five times as long. */
const LISTEN_BACKLOG = 4096;
/** A whole fleet may be on its way in at once, over TLS for ten seconds and more. */
const MOST_WAITING = 10_000;
const HANDSHAKE_TIMEOUT_MS = 30_000;

/** PEM texts: the broker's own certificate with its key, and those of who signs devices' certificates. */
export interface BrokerTls {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string;
}

export interface Listener {
  /** Resolves with HOST:PORT. */
  listen(address: Address): Promise<string>;
  /** The client on a connection was accepted. */
  admit(socket: Socket): void;
  /** Cuts every connection, and frees the port. */
  close(): Promise<void>;
}

/** Accepts connections, over TLS with certificates of both ends where `tls` is given; each is its caller's to read. */
export function createListener(tls: BrokerTls | undefined, connected: (socket: Socket) => void): Listener {
  const sockets = new Set<Socket>();
  const waiting = createWaitingRoom(MOST_WAITING);
  const server =
    tls === undefined ? createTcpServer(connected) : createTlsServer(compileOptions(tls), connected);
  // Of a TLS connection this is the socket below it, so that one that is silent in its handshake counts too.
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    waiting.enter(socket);
  });

  return {
    async listen({ host, port }) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, backlog: LISTEN_BACKLOG }, resolve);
      });
      return formatAddress(host, (server.address() as AddressInfo).port);
    },
    admit: (socket) => waiting.leave(socket),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function compileOptions({ certificate, key, clientCa }: BrokerTls) {
  const checked = { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' } as const;
  return { cert: certificate, key, ca: clientCa, ...checked, handshakeTimeout: HANDSHAKE_TIMEOUT_MS };
}
