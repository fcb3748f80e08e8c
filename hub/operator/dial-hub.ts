import type { Duplex } from 'node:stream';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { DialRefused, dialSocket } from '../../shared/tunnel/dial-socket.ts';
import { HALF_CLOSE_PROTOCOL, PLAIN_PROTOCOL } from '../../shared/tunnel/protocols.ts';
import { compileHeaders, explainAnswer } from './call-hub.ts';
import type { HubAccess } from './find-server.ts';

const DEADLINE_MS = 30_000;

/** Opens a stream of a machine; @throws Error with the hub's own sentence where it refuses */
export async function dialHub(access: HubAccess, path: string, clock: Clock): Promise<Duplex> {
  const { server } = access;
  const url = new URL(path, server);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return dialSocket(url, {
    protocols: [HALF_CLOSE_PROTOCOL, PLAIN_PROTOCOL],
    headers: compileHeaders(access),
    deadlineMs: DEADLINE_MS,
    clock,
    peer: 'the hub',
  }).catch((error: unknown) => {
    const why =
      error instanceof DialRefused
        ? explainAnswer(server, error.code, error.body)
        : `no hub answers at ${server}: ${messageOf(error)}`;
    throw new Error(why, { cause: error });
  });
}
