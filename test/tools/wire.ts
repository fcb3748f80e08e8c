import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Namespace } from './namespace.ts';
import { waitFor } from './wait-for.ts';
import type { PacketPath, Weather } from './weather.ts';
import { createPacketPath } from './weather.ts';

const LOOPBACK = '127.0.0.1';
/** The version in an IP packet's first byte: IPv6 chatters on every interface, and is not under test. */
const IPV4 = 4;

/** One end of a wire: an interface in a namespace, with its address in a network of two. */
export interface WireEnd {
  readonly namespace: Namespace;
  readonly interfaceName: string;
  /** With the length of its prefix. */
  readonly address: string;
}

/** Two namespaces joined by real IP packets, each of which passes through our own hands. */
export interface Wire {
  /** From the first end to the second, and back. */
  readonly there: PacketPath;
  readonly back: PacketPath;
  setWeather(weather: Weather): void;
  close(): Promise<void>;
}

export async function createWire(first: WireEnd, second: WireEnd, fraction: () => number): Promise<Wire> {
  const [near, far] = [await openEnd(first), await openEnd(second)];
  const there = createPacketPath(fraction, far.put);
  const back = createPacketPath(fraction, near.put);
  near.onPacket((packet) => there.send(packet));
  far.onPacket((packet) => back.send(packet));
  return {
    there,
    back,
    setWeather(weather) {
      there.setWeather(weather);
      back.setWeather(weather);
    },
    async close() {
      there.close();
      back.close();
      await Promise.all([near.close(), far.close()]);
    },
  };
}

/** Makes the interface; socat carries each packet of it to us as a datagram, and each of ours to it. */
async function openEnd({ namespace, interfaceName, address }: WireEnd) {
  const socket = await bindSocket();
  const spare = await bindSocket();
  const { port } = spare.address();
  await closeSocket(spare);
  const ours = `UDP4-DATAGRAM:${LOOPBACK}:${socket.address().port},bind=${LOOPBACK}:${port}`;
  const carrier = spawn('socat', ['-d', '-d', ours, `TUN,tun-name=${interfaceName},tun-type=tun,iff-no-pi`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    // One that is taken from under its hands before it is done ends it.
    await untilSays(carrier, 'starting data transfer loop');
    execFileSync('ip', ['link', 'set', interfaceName, 'netns', namespace.name], { stdio: 'pipe' });
    namespace.ip('address', 'add', address, 'dev', interfaceName);
    namespace.ip('link', 'set', interfaceName, 'up');
  } catch (error) {
    await endProcess(carrier);
    await closeSocket(socket);
    throw error;
  }
  return {
    put: (packet: Buffer) => socket.send(packet, port, LOOPBACK),
    onPacket: (take: (packet: Buffer) => void) =>
      socket.on('message', (packet: Buffer) => {
        if ((packet[0] ?? 0) >> 4 === IPV4) take(packet);
      }),
    async close() {
      await endProcess(carrier);
      await closeSocket(socket);
    },
  };
}

async function untilSays({ stderr }: ChildProcess, text: string): Promise<void> {
  let said = '';
  stderr?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  await waitFor(`socat's "${text}"`, () => said.includes(text), 10_000).catch((error: unknown) => {
    throw new Error(`${String(error)}, but: ${said}`, { cause: error });
  });
}

async function bindSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  // A packet that finds the carrier gone is lost like any other.
  socket.on('error', () => {});
  return socket;
}

async function closeSocket(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

/** Ends a process that we started, and resolves when it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
