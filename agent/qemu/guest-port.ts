import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { Duplex } from 'node:stream';
import { EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { withDeadline } from '../../shared/base/deadline.ts';

const CONNECT_DEADLINE_MS = 10_000;
/** Of datagrams that nobody takes, those beyond it are lost, as datagrams are. */
const MOST_HELD_BYTES = 256 * 1024;

export interface PortPlace {
  readonly protocol: 'TCP' | 'UDP';
  readonly host: string;
  readonly port: number;
}

/** @throws EffectError PortUnreachable */
export async function connectPort(place: PortPlace, clock: Clock): Promise<Duplex> {
  return place.protocol === 'TCP' ? connectTcp(place, clock) : connectUdp(place);
}

async function connectTcp({ host, port }: PortPlace, clock: Clock): Promise<Duplex> {
  // What the guest still has to say when it has heard all is heard, and the other way round.
  const socket = createConnection({ host, port, allowHalfOpen: true });
  const fail = (why: string, cause?: unknown) =>
    new EffectError('PortUnreachable', `${host}:${port}`, `dialing VM: ${why}`, cause);
  try {
    await withDeadline(clock, CONNECT_DEADLINE_MS, once(socket, 'connect'), () => fail('no answer'));
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error instanceof EffectError ? error : fail(messageOf(error), error);
  }
}

/** Each chunk is a datagram. */
async function connectUdp({ host, port }: PortPlace): Promise<Duplex> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.connect(port, host);
  await once(socket, 'connect');
  const stream = new Duplex({
    allowHalfOpen: false,
    read() {},
    write: (chunk: Buffer, _encoding, done) => {
      // One that is refused is lost like any other.
      socket.send(chunk, () => done());
    },
    destroy(error, done) {
      socket.close();
      done(error);
    },
  });
  socket.on('message', (datagram) => {
    if (stream.readableLength < MOST_HELD_BYTES) stream.push(datagram);
  });
  socket.on('error', () => {});
  return stream;
}
