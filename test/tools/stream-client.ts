import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { WebSocket } from 'ws';

/** A stream of a machine as client-go's KubeVirt opens it: a WebSocket with `plain.kubevirt.io` and binary messages. */
export interface StreamClient {
  readonly socket: WebSocket;
  /** All that came, as Latin-1 text. */
  readonly heard: () => string;
  say(text: string): void;
  /** Resolves once what came fits. */
  says(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>;
  /** How the other end closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** @throws Error with the refusal's code and message */
export async function openStreamClient(
  address: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<StreamClient> {
  const socket = new WebSocket(`ws://${address}${path}`, ['plain.kubevirt.io'], { headers });
  let text = '';
  let look = () => {};
  socket.on('message', (message: Buffer, isBinary) => {
    if (isBinary) text += message.toString('latin1');
    look();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  const refused = once(socket, 'unexpected-response').then(async (told) => {
    const [, response] = told as [unknown, IncomingMessage];
    const { message } = (await json(response)) as { message: string };
    throw new Error(`${response.statusCode}: ${message}`);
  });
  refused.catch(() => {});
  try {
    await Promise.race([once(socket, 'open'), refused]);
  } catch (error) {
    socket.on('error', () => {});
    socket.terminate();
    throw error;
  }
  return {
    socket,
    heard: () => text,
    say: (said) => socket.send(Buffer.from(said)),
    async says(pattern, limitMs = 60_000) {
      return new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`${pattern.source} was not said, but: ${text.slice(-2_000)}`)),
          limitMs,
        );
        look = () => {
          const found = pattern.exec(text);
          if (found === null) return;
          clearTimeout(late);
          resolve(found);
        };
        look();
        void closed.then(({ code, reason }) => {
          clearTimeout(late);
          reject(new Error(`closed with ${code} ${reason}, after: ${text.slice(-2_000)}`));
        });
      });
    },
    closed,
  };
}
