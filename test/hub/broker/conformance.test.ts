import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { Broker } from '../../../hub/ports.ts';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { topicOf } from '../../../shared/protocol/topics.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import {
  CONNECT,
  connectPacket,
  connectRaw,
  packet,
  PINGREQ,
  PUBLISH,
  publishPacket,
  short,
  SUBSCRIBE,
  text,
  UNSUBSCRIBE,
} from '../../tools/mqtt-wire.ts';
import type { RawClient } from '../../tools/mqtt-wire.ts';
import type { RoundTrips } from '../../tools/round-trips.ts';
import { answerHello, makeRoundTrips } from '../../tools/round-trips.ts';

/** MQTT 3.1.1 against the embedded broker by the byte, while another device goes on undisturbed. */

let broker: Broker;
let address: string;
let heard: string[] = [];
let neighbour: RoundTrips;

beforeAll(async () => {
  broker = createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, createLogRecorder());
  const receive = answerHello(broker, (device, channel, payload) => {
    if (device !== 'neighbour') heard.push(`${device} ${channel} ${Buffer.from(payload).toString()}`);
  });
  ({ address } = await broker.start(receive));
  neighbour = await makeRoundTrips(`mqtt://${address}`);
});
beforeEach(() => {
  heard = [];
});
afterAll(async () => {
  try {
    expect(await neighbour.finish()).toBeGreaterThan(0);
  } finally {
    await broker.stop();
  }
});

const CONNACK = Buffer.from([0x20, 2, 0, 0]);
const PINGRESP = Buffer.from([0xd0, 0]);
const refused = (code: number) => Buffer.from([0x20, 2, 0, code]);
const OWN = topicOf('edge-1', 'hello');
const BAD_UTF8 = Buffer.from([0xc3, 0x28]);
const payload = Buffer.from('x');
const FIRST_BYTES = [
  0x00, 0x20, 0x30, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0,
];

describe('a connection is closed that begins with', () => {
  test.each(FIRST_BYTES.map((first) => [first.toString(16)]))('a packet 0x%s', async (first) => {
    const { closed, received } = connectRaw(address, packet(parseInt(first, 16), short(1)));
    await closed;
    expect(received()).toEqual(Buffer.alloc(0));
  });

  test.each<[string, Uint8Array]>([
    ['another protocol', packet(CONNECT, 'MQTX', 4, 2, short(60), 'edge-1')],
    ['an unknown version', packet(CONNECT, 'MQTT', 6, 2, short(60), 'edge-1')],
    ['version 2', packet(CONNECT, 'MQTT', 2, 2, short(60), 'edge-1')],
    ['flags in the header of CONNECT', packet(CONNECT | 1, 'MQTT', 4, 2, short(60), 'edge-1')],
    ['the reserved flag', connectPacket('edge-1', 0x03)],
    ['a QoS of a will that is not there', connectPacket('edge-1', 0x0a)],
    ['a retained will that is not there', connectPacket('edge-1', 0x22)],
    ['a will of QoS 3', connectPacket('edge-1', 0x1e, 60, OWN, 'gone')],
    ['a will without its topic', connectPacket('edge-1', 0x06)],
    ['a password without a user', connectPacket('edge-1', 0x42, 60, 'secret')],
    ['a user that is announced and missing', connectPacket('edge-1', 0x82)],
    ['no client id at all', packet(CONNECT, 'MQTT', 4, 2, short(60))],
    ['a client id that is cut off', packet(CONNECT, 'MQTT', 4, 2, short(60), short(9), payload)],
    ['a CONNECT of no length', Buffer.from([CONNECT, 0])],
    ['a length of five bytes', Buffer.from([CONNECT, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a CONNECT of 9 KiB', connectPacket('edge-1', 0xc2, 60, 'edge-1', 'x'.repeat(9 * 1024))],
    ['another language', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('%s', async (_, bytes) => {
    const { closed, received } = connectRaw(address, bytes);
    await closed;
    expect(received().subarray(0, 4)).not.toEqual(CONNACK);
  });

  test.each<[string, number, Uint8Array]>([
    ['version 5', 1, packet(CONNECT, 'MQTT', 5, 2, short(60), 0, 'edge-1')],
    ['an empty client id and a session to keep (MQTT-3.1.3-8)', 2, connectPacket('', 0)],
    ['an empty client id', 2, connectPacket('')],
    ['a client id that is no UTF-8', 2, packet(CONNECT, 'MQTT', 4, 2, short(60), text(BAD_UTF8))],
    ['a session to keep', 5, connectPacket('edge-1', 0)],
    ['no keepalive', 6, connectPacket('edge-1', 2, 0)],
    ['a keepalive of hours', 6, connectPacket('edge-1', 2, 7_200)],
  ])('%s, with the code for it', async (_, code, bytes) => {
    const { closed, received } = connectRaw(address, bytes);
    await closed;
    expect(received()).toEqual(refused(code));
  });
});

describe('a device is cut off for', () => {
  test.each<[string, Uint8Array]>([
    ['a second CONNECT', connectPacket('edge-1')],
    ['a packet of type 0', packet(0x00, short(1))],
    ['a packet of type 15', packet(0xf0, short(1))],
    ['CONNACK, which only brokers send', CONNACK],
    ['SUBACK, which only brokers send', packet(0x90, short(1), 0)],
    ['UNSUBACK, which only brokers send', packet(0xb0, short(1))],
    ['PINGRESP, which only brokers send', packet(0xd0)],
    ['PUBLISH at QoS 3', publishPacket(OWN, payload, 1, 0x06)],
    ['PUBLISH at QoS 2, which keeps state here', publishPacket(OWN, payload, 1, 0x04)],
    ['PUBLISH on no topic', publishPacket('', payload)],
    ['PUBLISH on every topic', publishPacket('#', payload)],
    ['PUBLISH with a wildcard', publishPacket('holdfast/v1/+/hello', payload)],
    ['PUBLISH on $SYS', publishPacket('$SYS/broker/clients', payload)],
    ['PUBLISH on a topic that is no UTF-8', publishPacket(BAD_UTF8, payload)],
    ['PUBLISH on a topic with a NUL', publishPacket(`${OWN}\0`, payload)],
    ['PUBLISH on a topic of a hundred levels', publishPacket('a/'.repeat(100), payload)],
    ['PUBLISH on a topic that goes on past the packet', packet(PUBLISH | 2, short(500), payload)],
    ['PUBLISH without an id', packet(PUBLISH | 2, OWN)],
    [
      'PUBLISH with more than a payload may have',
      publishPacket(OWN, Buffer.alloc(LARGEST_PAYLOAD_BYTES + 512)),
    ],
    ['SUBSCRIBE with wrong flags', packet(0x80, short(1), OWN, 1)],
    ['SUBSCRIBE to nothing', packet(SUBSCRIBE, short(1))],
    ['SUBSCRIBE at QoS 3', packet(SUBSCRIBE, short(1), topicOf('edge-1', 'ack'), 3)],
    ['SUBSCRIBE without a QoS', packet(SUBSCRIBE, short(1), topicOf('edge-1', 'ack'))],
    ['SUBSCRIBE to an empty filter', packet(SUBSCRIBE, short(1), '', 1)],
    ['SUBSCRIBE with # in the middle', packet(SUBSCRIBE, short(1), 'holdfast/#/ack', 1)],
    ['UNSUBSCRIBE with wrong flags', packet(0xa0, short(1), OWN)],
    ['PUBREL with wrong flags', packet(0x60, short(1))],
    ['DISCONNECT with wrong flags', packet(0xe1)],
    ['PINGREQ with wrong flags', packet(PINGREQ | 1)],
    ['a length of five bytes', Buffer.from([PUBLISH, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['announcing the largest packet that there is', Buffer.from([PUBLISH, 0xff, 0xff, 0xff, 0x7f])],
  ])('%s', async (_, bytes) => {
    const { socket, closed } = await connectAs('edge-1');
    socket.write(bytes);
    await closed;
    expect(heard).toEqual([]);
  });
});

/** What the specification calls wrong, or leaves open, and the broker lets pass: nothing comes of it. */
describe('a device goes on after', () => {
  test.each<[string, Uint8Array]>([
    ['PUBACK of what was never sent', packet(0x40, short(999))],
    ['PUBACK that is cut off', packet(0x40, 1)],
    ['PUBREC of what was never sent', packet(0x50, short(999))],
    ['PUBREL of what never came', packet(0x62, short(999))],
    ['PUBCOMP of what was never sent', packet(0x70, short(999))],
    ['UNSUBSCRIBE from nothing', packet(UNSUBSCRIBE, short(1))],
    ['UNSUBSCRIBE from what it never subscribed to', packet(UNSUBSCRIBE, short(1), topicOf('edge-2', 'ack'))],
    ['SUBSCRIBE to everything, which it does not get', packet(SUBSCRIBE, short(1), '#', 1)],
    ['SUBSCRIBE to thousands of topics', packet(SUBSCRIBE, short(1), ...thousands())],
    ['PINGREQ with a body', packet(PINGREQ, 1, 2, 3)],
    ['PUBLISH of nothing', publishPacket(OWN, Buffer.alloc(0))],
    ['PUBLISH of the most that there may be', publishPacket(OWN, Buffer.alloc(LARGEST_PAYLOAD_BYTES))],
    ['PUBLISH of the same id again, marked as sent before', publishPacket(OWN, payload, 1, 0x0a)],
    ['a length written with more digits than it needs', Buffer.from([PINGREQ, 0x80, 0x00])],
  ])('%s', async (_, bytes) => {
    const { socket, received } = await connectAs('edge-1');
    socket.write(bytes);
    socket.write(packet(PINGREQ));
    await expect.poll(() => received().subarray(-2), { interval: 2 }).toEqual(PINGRESP);
    socket.destroy();
  });

  test('its largest message right after CONNACK', async () => {
    for (let round = 0; round < 50; round += 1) {
      const client = connectRaw(address, connectPacket('edge-1'));
      client.socket.once('data', () => {
        client.socket.write(publishPacket(OWN, Buffer.alloc(LARGEST_PAYLOAD_BYTES)));
        client.socket.write(packet(PINGREQ));
      });
      await expect.poll(() => client.received().subarray(-2), { interval: 1 }).toEqual(PINGRESP);
    }
  });

  test('bytes that come one by one', async () => {
    const { socket, received } = await connectAs('edge-1');
    socket.setNoDelay(true);
    for (const byte of [...publishPacket(OWN, payload), ...packet(PINGREQ)]) {
      await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
    }
    await expect.poll(() => received().subarray(-2), { interval: 2 }).toEqual(PINGRESP);
    expect(heard).toEqual(['edge-1 hello x']);
    socket.destroy();
  });
});

/** A device whose CONNECT was accepted. */
async function connectAs(device: string): Promise<RawClient> {
  const client = connectRaw(address, connectPacket(device));
  await expect.poll(() => client.received(), { interval: 2 }).toEqual(CONNACK);
  return client;
}

function thousands(): (string | number)[] {
  return Array.from({ length: 3_000 }, (_, index) => [`holdfast/v1/${index}`, 1]).flat();
}
