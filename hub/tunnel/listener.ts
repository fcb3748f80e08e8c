import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from '../../shared/config/settings.ts';

/** How long a device may take from connecting to asking for its stream. */
const REQUEST_TIMEOUT_MS = 15_000;

/** A listener for nothing but streams, so that devices need not get to the API. */
export interface TunnelListener {
  readonly secure: boolean;
  /** Resolves with its port. */
  listen(take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): Promise<number>;
  close(): Promise<void>;
}

/** PEM texts: its own certificate with its key, and those of who signs devices' certificates. */
interface TunnelTls {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string;
}

export function createTunnelListener({ host, port }: Address, tls?: TunnelTls): TunnelListener {
  const timeouts = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS };
  const server =
    tls === undefined
      ? createServer(timeouts)
      : createTlsServer({
          ...timeouts,
          cert: tls.certificate,
          key: tls.key,
          ca: tls.clientCa,
          requestCert: true,
          rejectUnauthorized: true,
          minVersion: 'TLSv1.2',
          handshakeTimeout: REQUEST_TIMEOUT_MS,
        });
  server.on('request', (_request, response) => {
    response.writeHead(404, { connection: 'close' }).end('only streams of devices come in here\n');
  });
  return {
    secure: tls !== undefined,
    async listen(take) {
      server.on('upgrade', take);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port }, resolve);
      });
      return (server.address() as AddressInfo).port;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
