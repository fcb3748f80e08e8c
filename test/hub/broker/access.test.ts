import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import type { IClientOptions, MqttClient } from 'mqtt';
import mqtt from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { Broker } from '../../../hub/ports.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS, topicOf } from '../../../shared/protocol/topics.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';

/** What the embedded broker lets whom do. */

let broker: Broker;
let address: string;
let heard: string[];
const clients: MqttClient[] = [];

beforeEach(async () => {
  broker = createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, createLogRecorder());
  heard = [];
  ({ address } = await broker.start((device, channel, payload) => {
    heard.push(`${device} ${channel} ${Buffer.from(payload).toString()}`);
  }));
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await broker.stop();
});

async function connect(clientId: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(`mqtt://${address}`, { clientId, reconnectPeriod: 0, ...options });
  clients.push(client);
  client.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed')));
  });
  return client;
}

const will = (topic: string, retain = false) => ({
  will: { topic, payload: Buffer.from('will'), qos: 1 as const, retain },
});

function closing(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve());
  });
}

/** Ends a client the way a lost link does: no goodbye. */
async function cut(client: MqttClient): Promise<void> {
  const closed = closing(client);
  client.stream.destroy();
  await closed;
}

describe('a client', () => {
  test.each(HUB_CHANNELS.map((channel) => topicOf('edge-1', channel)))(
    'subscribes to its own %s',
    async (topic) => {
      const [granted] = await (await connect('edge-1')).subscribeAsync(topic, { qos: 1 });
      expect(granted?.qos).toBe(1);
    },
  );

  test.each([
    topicOf('edge-2', 'desired'),
    ...DEVICE_CHANNELS.map((channel) => topicOf('edge-1', channel)),
    'holdfast/v1/+/desired',
    'holdfast/v1/edge-1/+',
    'holdfast/v1/edge-1/#',
    'holdfast/v1/edge-1/desired/more',
    'holdfast/v2/edge-1/desired',
    '$SYS/#',
    '#',
    '+/+/+/+',
    'other',
  ])('does not subscribe to %s', async (topic) => {
    const client = await connect('edge-1');
    const got: string[] = [];
    client.on('message', (on, payload) => got.push(`${on} ${payload.toString()}`));
    await expect(client.subscribeAsync(topic, { qos: 1 })).rejects.toThrow();
    const other = await connect('edge-2');
    await broker.publish('edge-2', 'desired', Buffer.from('secret'));
    await other.publishAsync(topicOf('edge-2', 'hello'), 'secret', { qos: 1 });
    await client.subscribeAsync(topicOf('edge-1', 'ack'), { qos: 1 });
    await broker.publish('edge-1', 'ack', Buffer.from('mine'));
    await expect.poll(() => got, { interval: 5 }).toEqual([`${topicOf('edge-1', 'ack')} mine`]);
  });

  test('is cut off for trying to share a subscription', async () => {
    const client = await connect('edge-1');
    const closed = closing(client);
    client.subscribe('$share/group/holdfast/v1/edge-1/desired', { qos: 1 });
    await closed;
  });

  test.each([
    topicOf('edge-2', 'hello'),
    ...HUB_CHANNELS.map((channel) => topicOf('edge-1', channel)),
    ...HUB_CHANNELS.map((channel) => topicOf('edge-2', channel)),
    'holdfast/v1/edge-1/other',
    'holdfast/v1/edge-1/hello/more',
    '$SYS/a',
    'other',
  ])('does not publish on %s, and is cut off for trying', async (topic) => {
    const victim = await connect('edge-2');
    const got: string[] = [];
    victim.on('message', (_on, payload) => got.push(payload.toString()));
    await victim.subscribeAsync(
      HUB_CHANNELS.map((channel) => topicOf('edge-2', channel)),
      { qos: 1 },
    );
    const client = await connect('edge-1');
    const closed = closing(client);
    client.publish(topic, 'forged', { qos: 1 });
    await closed;
    await broker.publish('edge-2', 'ack', Buffer.from('true'));
    await expect.poll(() => got, { interval: 5 }).toEqual(['true']);
    expect(heard).toEqual([]);
  });

  test('has nothing retained', async () => {
    const client = await connect('edge-1');
    const closed = closing(client);
    client.publish(topicOf('edge-1', 'hello'), 'for ever', { qos: 1, retain: true });
    await closed;
    expect(heard).toEqual([]);
  });

  test.each([
    ['of another', topicOf('edge-2', 'gone'), false],
    ["of the hub's", topicOf('edge-2', 'ack'), false],
    ['to be retained', topicOf('edge-1', 'gone'), true],
  ])('leaves no last will on a channel %s', async (_, topic, retain) => {
    await cut(await connect('edge-1', will(topic, retain)));
    await cut(await connect('edge-3', will(topicOf('edge-3', 'gone'))));
    await expect.poll(() => heard, { interval: 5 }).toEqual(['edge-3 gone will']);
  });

  test.each(['Edge', 'edge_1', '-edge', 'edge.1', 'edge/1', '+', '#', '$SYS', ' ', '', 'ä', 'a'.repeat(64)])(
    'is refused with the id %j, for it is no name of a device',
    async (clientId) => {
      await expect(connect(clientId)).rejects.toThrow(/identifier rejected/i);
    },
  );
});

describe('a second client with the same id', () => {
  test("takes over, and the first one's will, with its own connection's number, is heard once", async () => {
    const gone = (connection: number) => ({
      will: {
        topic: topicOf('edge-1', 'gone'),
        payload: Buffer.from(`${connection}`),
        qos: 1 as const,
        retain: false,
      },
    });
    const first = await connect('edge-1', gone(1));
    const closed = closing(first);
    const second = await connect('edge-1', gone(2));
    await closed;
    await second.publishAsync(topicOf('edge-1', 'hello'), '2', { qos: 1 });
    await expect.poll(() => heard.toSorted(), { interval: 5 }).toEqual(['edge-1 gone 1', 'edge-1 hello 2']);
    await second.subscribeAsync(topicOf('edge-1', 'ack'), { qos: 1 });
    const answered = new Promise<string>((resolve) => {
      second.once('message', (_topic, payload) => resolve(payload.toString()));
    });
    await broker.publish('edge-1', 'ack', Buffer.from('to the second'));
    expect(await answered).toBe('to the second');
    await cut(second);
    await expect.poll(() => heard.at(-1), { interval: 5 }).toBe('edge-1 gone 2');
  });
});

test('what is not MQTT is cut off, and everyone else goes on', async () => {
  const client = await connect('edge-1');
  const [host = '', port] = address.split(':');
  const socket = connectTcp(Number(port), host);
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.write('GET / HTTP/1.1\r\nHost: hub\r\n\r\n'.repeat(10));
  await closed;
  await client.publishAsync(topicOf('edge-1', 'hello'), 'still here', { qos: 1 });
  expect(heard).toEqual(['edge-1 hello still here']);
});
