import type { Socket } from 'node:net';
import { connect } from 'node:net';

/** MQTT 3.1.1 by the byte, for what no client library would send. */

export const CONNECT = 0x10;
export const PUBLISH = 0x30;
export const SUBSCRIBE = 0x82;
export const UNSUBSCRIBE = 0xa2;
export const PINGREQ = 0xc0;

type Part = string | number | Uint8Array;

/** Two bytes, most significant first. */
export const short = (value: number) => Buffer.from([value >> 8, value & 0xff]);
/** A text, or bytes in a text's place, with its length in front. */
export const text = (content: string | Uint8Array) =>
  Buffer.concat([short(Buffer.from(content).length), Buffer.from(content)]);

/** A packet of a first byte and what follows: strings with their lengths, numbers as one byte, bytes as they are. */
export function packet(first: number, ...parts: readonly Part[]): Buffer {
  const body = Buffer.concat(parts.map(bytesOf));
  return Buffer.concat([Buffer.from([first]), remainingLength(body.length), body]);
}

export function remainingLength(value: number): Buffer {
  const digits = [];
  let rest = value;
  do {
    digits.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(digits);
}

const CLEAN = 0x02;

/** A CONNECT; `flags` and what follows the client id are for the will, user and password. */
export function connectPacket(
  clientId: string,
  flags = CLEAN,
  keepaliveSeconds = 60,
  ...rest: readonly Part[]
) {
  return packet(CONNECT, 'MQTT', 4, flags, short(keepaliveSeconds), clientId, ...rest);
}

export function publishPacket(topic: string | Uint8Array, payload: Uint8Array, id = 1, flags = 0x02): Buffer {
  return packet(PUBLISH | flags, text(topic), short(id), payload);
}

function bytesOf(part: Part): Uint8Array {
  if (typeof part === 'string') return text(part);
  return typeof part === 'number' ? Buffer.from([part]) : part;
}

export interface RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** All that came back. */
  readonly received: () => Buffer;
}

/** A connection that `bytes` are sent on first. */
export function connectRaw(address: string, ...bytes: readonly Uint8Array[]): RawClient {
  const [host = '', port] = address.split(':');
  const chunks: Buffer[] = [];
  const socket = connect(Number(port), host);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const each of bytes) socket.write(each);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  return { socket, closed, received: () => Buffer.concat(chunks) };
}
