import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import { closeSockets } from '../../shared/tunnel/close-sockets.ts';
import { HALF_CLOSE_PROTOCOL, TUNNEL_PATH } from '../../shared/tunnel/protocols.ts';
import type { Place } from '../../shared/tunnel/place.ts';
import { refuseUpgrade } from '../../shared/tunnel/refuse-upgrade.ts';
import { createSocketServer } from '../../shared/tunnel/socket-server.ts';
import { createSocketStream } from '../../shared/tunnel/socket-stream.ts';
import type { ExpectedStream, Tunnel } from '../ports.ts';
import type { TunnelListener } from './listener.ts';

/** How many streams may be open, or waited for, at once. */
const MOST_STREAMS = 1_000;
const SECRET_BYTES = 32;

interface TunnelOptions {
  /** Where devices dial where that is told by the operator; what is left out is found out. */
  readonly told: Partial<Place>;
  /** A listener of its own; without it, devices come in where the API listens. */
  readonly listener?: TunnelListener;
  readonly clock: Clock;
  readonly log: Log;
}

interface Expected {
  readonly device: string;
  readonly secret: Buffer;
  readonly arrive: (stream: Duplex) => void;
}

/**
 * Where devices come in with streams that they were asked for. Each dials an address of its own and proves a secret
 * that is of no use a second time, or after the deadline.
 */
export function createTunnel({ told, listener, clock, log }: TunnelOptions): Tunnel {
  const expected = new Map<string, Expected>();
  const streams = new Set<Duplex>();
  const server = createSocketServer([HALF_CLOSE_PROTOCOL]);
  let place: (Partial<Place> & Pick<Place, 'port' | 'secure'>) | undefined;

  function take(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const id = (request.url ?? '').split(TUNNEL_PATH).at(-1) ?? '';
    const found = expected.get(id);
    const refuse = (code: number, sentence: string) => {
      log.warn({ from: request.socket.remoteAddress, code }, `a stream was refused: ${sentence}`);
      refuseUpgrade(socket, code, sentence);
    };
    if (found === undefined)
      return refuse(404, 'this stream is not waited for: it was opened already, or is too late');
    if (!proves(request, found.secret)) return refuse(403, 'the secret of the stream is wrong');
    if (!mayBe(request.socket, found.device))
      return refuse(403, `the certificate is not that of ${found.device}, whose stream this is`);
    // Before the handshake, so that of two who know the secret one gets in.
    expected.delete(id);
    server.handleUpgrade(request, socket, head, (opened) => {
      const stream = createSocketStream(opened, { clock, peer: `device ${found.device}` });
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
      found.arrive(stream);
    });
  }

  return {
    take,
    async start(apiPort) {
      const port = listener === undefined ? apiPort : await listener.listen(take);
      place = { port, secure: listener?.secure ?? false, ...told };
    },
    expect(device): ExpectedStream {
      if (place === undefined) throw new EffectError('Unavailable', device, 'the hub is starting');
      if (streams.size + expected.size >= MOST_STREAMS) {
        const message = `${MOST_STREAMS} streams are open: end some, or try again later`;
        throw new EffectError('TooManyRequests', device, message);
      }
      const [id, secret] = [randomBytes(16).toString('hex'), randomBytes(SECRET_BYTES)];
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<Duplex>();
      expected.set(id, { device, secret, arrive });
      const { host, port, secure, prefix = '' } = place;
      const dial = {
        ...(host !== undefined && { host }),
        port,
        secure,
        path: `${prefix}${TUNNEL_PATH}${id}`,
        secret: secret.toString('base64url'),
      };
      return { dial, arrived, cancel: () => void expected.delete(id) };
    },
    async close() {
      expected.clear();
      for (const stream of streams)
        stream.destroy(new EffectError('HubStopping', 'the hub', 'the hub is stopping'));
      await closeSockets(server, clock);
      await listener?.close();
    },
  };
}

function proves({ headers }: IncomingMessage, secret: Buffer): boolean {
  const [, given = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
  const bytes = Buffer.from(given, 'base64url');
  return bytes.length === secret.length && timingSafeEqual(bytes, secret);
}

/** Over TLS a device is whom its certificate names, as at the broker. */
function mayBe(socket: IncomingMessage['socket'], device: string): boolean {
  if (!(socket instanceof TLSSocket)) return true;
  return socket.getPeerX509Certificate()?.checkHost(device, { wildcards: false }) !== undefined;
}
