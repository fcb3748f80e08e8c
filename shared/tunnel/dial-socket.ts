import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { messageOf } from '../base/errors.ts';
import type { Clock } from '../ports.ts';
import { LONGEST_MESSAGE_BYTES } from './protocols.ts';
import { createSocketStream } from './socket-stream.ts';

interface DialOptions {
  readonly protocols: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** For connecting and the handshake. */
  readonly deadlineMs: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly clock: Clock;
  /** Who is there, for the sentence of a loss. */
  readonly peer: string;
}

/** The other end answered, and not with a WebSocket. */
export class DialRefused extends Error {
  readonly code: number;
  readonly body: string;

  constructor(code: number, body: string) {
    super(`it answers ${code}: ${body.slice(0, 200)}`);
    this.code = code;
    this.body = body;
  }
}

/** Opens a WebSocket as a stream; @throws DialRefused, or Error where nobody answers */
export async function dialSocket(url: string | URL, options: DialOptions): Promise<Duplex> {
  const { protocols, deadlineMs, clock, peer, ...more } = options;
  const socket = new WebSocket(url, [...protocols], {
    ...more,
    handshakeTimeout: deadlineMs,
    perMessageDeflate: false,
    maxPayload: LONGEST_MESSAGE_BYTES,
  });
  return new Promise<Duplex>((resolve, reject) => {
    // At once: the first message may have come with the answer to the handshake, and is lost to whoever listens later.
    socket.once('open', () => resolve(createSocketStream(socket, { clock, peer })));
    socket.on('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      const refuse = (body: string) => {
        reject(new DialRefused(response.statusCode ?? 0, body));
        socket.terminate();
      };
      text(response).then(refuse, (error: unknown) => refuse(messageOf(error)));
    });
  });
}
