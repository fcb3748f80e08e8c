import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { topicOf } from '../../../shared/protocol/topics.ts';
import type { ChildBroker } from '../../tools/child-broker.ts';
import { startChildBroker } from '../../tools/child-broker.ts';
import type { RawClient } from '../../tools/mqtt-wire.ts';
import {
  connectPacket,
  connectRaw,
  packet,
  PINGREQ,
  PUBLISH,
  publishPacket,
  remainingLength,
} from '../../tools/mqtt-wire.ts';
import type { RoundTrips } from '../../tools/round-trips.ts';
import { makeRoundTrips } from '../../tools/round-trips.ts';

/** What clients do to a broker on purpose: it keeps its memory, and no other device notices. */

const MEBIBYTE = 2 ** 20;
/** Ten thousand connections take 70. */
const MOST_GROWTH_BYTES = 100 * MEBIBYTE;

let broker: ChildBroker;
let neighbour: RoundTrips;
let peakBytes: number;

beforeAll(async () => {
  broker = await startChildBroker();
});
afterAll(() => broker.kill());
beforeEach(async () => {
  neighbour = await makeRoundTrips(`mqtt://${broker.address}`);
  peakBytes = broker.peakBytes();
});
afterEach(async () => {
  expect(await neighbour.finish()).toBeGreaterThan(0);
  expect(broker.peakBytes() - peakBytes).toBeLessThan(MOST_GROWTH_BYTES);
});

async function connectAs(device: string): Promise<RawClient> {
  const client = connectRaw(broker.address, connectPacket(device));
  await expect.poll(() => client.received().length, { interval: 2 }).toBe(4);
  return client;
}

/** Sends a chunk over and over until the connection is closed or the time is over. */
async function pour({ socket, closed }: RawClient, chunk: Buffer, limitMs: number): Promise<void> {
  const end = new Promise((resolve) => setTimeout(resolve, limitMs, 'end'));
  for (;;) {
    const written = new Promise((resolve) => socket.write(chunk, () => resolve('written')));
    if ((await Promise.race([written, closed, end])) !== 'written') return;
    if (socket.destroyed) return;
  }
}

describe('a packet of 200 MiB', () => {
  const header = (first: number) => Buffer.concat([Buffer.from([first]), remainingLength(200 * MEBIBYTE)]);
  const body = Buffer.alloc(64 * 1024);

  test.each([
    ['CONNECT', 0x10],
    ['PUBLISH', PUBLISH | 2],
  ])('is not taken before CONNECT was accepted, as a %s', async (_, first) => {
    const clients = Array.from({ length: 5 }, () => connectRaw(broker.address, header(first)));
    await Promise.all(clients.map((client) => pour(client, body, 60_000)));
    expect(clients.every(({ socket }) => socket.destroyed)).toBe(true);
    expect(Math.max(...clients.map(({ socket }) => socket.bytesWritten))).toBeLessThan(20 * MEBIBYTE);
  });

  test('is not taken after it', async () => {
    const client = await connectAs('edge-1');
    client.socket.write(header(PUBLISH | 2));
    await pour(client, body, 60_000);
    expect(client.socket.destroyed).toBe(true);
    expect(client.socket.bytesWritten).toBeLessThan(20 * MEBIBYTE);
  });
});

describe('a flood', () => {
  const small = publishPacket(topicOf('edge-1', 'report'), Buffer.from('x'));
  const large = publishPacket(topicOf('edge-1', 'report'), Buffer.alloc(64 * 1024));

  // What the kernel's buffers take, and what is read at once, is added to what a connection may bring in.
  test.each<[string, Buffer, answerBytes: number, mostAnswers: number]>([
    ['small messages', Buffer.concat(Array.from({ length: 1_000 }, () => small)), 4, 15_000],
    ['large messages', large, 4, 1_000],
    ['pings', Buffer.concat(Array.from({ length: 10_000 }, () => packet(PINGREQ))), 2, 80_000],
  ])('of %s is held back', async (_, chunk, answerBytes, mostAnswers) => {
    const client = await connectAs('edge-1');
    await pour(client, chunk, 3_000);
    expect(client.socket.destroyed).toBe(false);
    expect(client.socket.bytesWritten - client.socket.writableLength).toBeLessThan(35 * MEBIBYTE);
    expect(client.received().length / answerBytes).toBeLessThan(mostAnswers);
    client.socket.destroy();
    await client.closed;
  });
});

test('connections that never say CONNECT displace each other, and no device', async () => {
  const silent = Array.from({ length: 10_200 }, () => connectRaw(broker.address));
  await expect
    .poll(() => silent.filter(({ socket }) => socket.destroyed).length, { interval: 20, timeout: 20_000 })
    .toBeGreaterThanOrEqual(200);
  const device = await connectAs('edge-1');
  for (const { socket } of [...silent, device]) socket.destroy();
  await Promise.all(silent.map(({ closed }) => closed));
});
