import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** Answers a request for an upgrade with a plain refusal, and hangs up. */
export function refuseUpgrade(socket: Duplex, code: number, body: string, type = 'text/plain'): void {
  // Whoever has hung up needs no answer, and unheard that would end the hub.
  socket.on('error', () => socket.destroy());
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
