import { EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { StreamDial } from '../../shared/protocol/streams.ts';
import type { Place } from '../../shared/tunnel/place.ts';
import { HALF_CLOSE_PROTOCOL, TUNNEL_PATH } from '../../shared/tunnel/protocols.ts';
import type { Tunnel } from '../ports.ts';

const DIAL_DEADLINE_MS = 10_000;

export interface TunnelAccess {
  /** The host at which the device meets its broker; an IPv6 address is in brackets. */
  readonly brokerHost: string;
  /** Where the hub is met in place of what it tells itself. */
  readonly place?: Place;
  /** PEM texts: who signs the hub's certificate (the host's own list where it is left out), and one of ours. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The way out to the hub for streams: a WebSocket for each, so that a device behind NAT has to listen nowhere. */
export function createTunnel(access: TunnelAccess, clock: Clock): Tunnel {
  return {
    async dial(dial) {
      // Most agents are never asked for a stream, and keep that much memory.
      const { dialSocket } = await import('../../shared/tunnel/dial-socket.ts');
      const url = addressOf(dial, access);
      const { ca, cert, key } = access;
      return dialSocket(url, {
        protocols: [HALF_CLOSE_PROTOCOL],
        headers: { authorization: `Bearer ${dial.secret}` },
        deadlineMs: DIAL_DEADLINE_MS,
        clock,
        peer: 'the hub',
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
      }).catch((error: unknown) => {
        const why = `the hub can't be reached at ${originOf(url)}: ${messageOf(error)}`;
        throw new EffectError('HubUnreachable', originOf(url), why, error);
      });
    },
  };
}

/** What the hub tells of where it is counts, unless the box has been told better. */
function addressOf(dial: StreamDial, { brokerHost, place }: TunnelAccess): string {
  const id = dial.path.split(TUNNEL_PATH).at(-1) ?? '';
  const { host, port, secure } = place ?? { ...dial, host: dial.host ?? brokerHost };
  const path = place === undefined ? dial.path : `${place.prefix}${TUNNEL_PATH}${id}`;
  return `${secure ? 'wss' : 'ws'}://${host}:${port}${path}`;
}

function originOf(url: string): string {
  return new URL(url).origin;
}
