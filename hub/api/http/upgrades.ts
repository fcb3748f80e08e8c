import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { EffectError } from '../../../shared/base/errors.ts';
import { closeSockets } from '../../../shared/tunnel/close-sockets.ts';
import { joinStreams } from '../../../shared/tunnel/join-streams.ts';
import { HALF_CLOSE_PROTOCOL, PLAIN_PROTOCOL, TUNNEL_PATH } from '../../../shared/tunnel/protocols.ts';
import { refuseUpgrade } from '../../../shared/tunnel/refuse-upgrade.ts';
import { createSocketServer } from '../../../shared/tunnel/socket-server.ts';
import { createSocketStream } from '../../../shared/tunnel/socket-stream.ts';
import type { ApiContext } from '../context.ts';
import { ApiError, badRequest, pathNotFound, statusOf, unauthorized } from '../errors.ts';
import { splitPath } from '../path.ts';
import { findSubresource } from '../subresources/registry.ts';

/** What is asked for as a WebSocket: the streams of machines, and where the API listens for them too, devices with those. */
export interface Upgrades {
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends every stream. */
  close(): Promise<void>;
}

export function createUpgrades(context: ApiContext): Upgrades {
  const { clock, log, tunnel } = context;
  const streams = new Set<Duplex>();
  // As in KubeVirt, one that offers none of them gets the plain one without a name.
  const server = createSocketServer([HALF_CLOSE_PROTOCOL, PLAIN_PROTOCOL]);

  async function join(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const [pathname = '', ...search] = (request.url ?? '').split('?');
    refuseStrangers(request);
    if (context.authenticate(request.headers.authorization ?? '') === undefined) throw unauthorized();
    const [root, group = '', ...segments] = splitPath(pathname);
    const found = root === 'apis' ? findSubresource(context.kinds, group, segments) : undefined;
    if (found === undefined) throw pathNotFound();
    const { subresource, target } = found;
    if (subresource.connect === undefined || request.method !== 'GET')
      throw badRequest(`${subresource.name} is not a stream: ask for it without an upgrade`);
    const wanted = await subresource.connect(context, target, new URLSearchParams(search.join('?')));
    if (socket.destroyed) return void wanted.destroy();
    // A handshake that comes to nothing hangs up.
    const giveUp = () => wanted.destroy();
    socket.once('close', giveUp);
    server.handleUpgrade(request, socket, head, (opened) => {
      socket.off('close', giveUp);
      const stream = createSocketStream(opened, { clock, peer: 'the client', hangsUp: true });
      streams.add(stream);
      stream.once('close', () => streams.delete(stream));
      joinStreams(stream, wanted, clock);
    });
  }

  return {
    take(request, socket, head) {
      // Unheard, whoever hangs up too early would end the hub.
      socket.on('error', () => socket.destroy());
      if (tunnel !== undefined && request.url?.startsWith(TUNNEL_PATH) === true)
        return tunnel.take(request, socket, head);
      join(request, socket, head).catch((error: unknown) => {
        const status = statusOf(error, log);
        refuseUpgrade(socket, status.code, JSON.stringify(status), 'application/json');
      });
    },
    async close() {
      for (const stream of streams)
        stream.destroy(new EffectError('HubStopping', 'the hub', 'the hub is stopping'));
      await closeSockets(server, clock);
    },
  };
}

/** Any page in an operator's browser may ask for a WebSocket of any host; only the hub's own may have one. */
function refuseStrangers({ headers }: IncomingMessage): void {
  const { origin, host = '' } = headers;
  if (origin === undefined || URL.parse(origin)?.host === host) return;
  throw new ApiError(403, 'Forbidden', `pages of ${origin} may not open streams here`);
}
