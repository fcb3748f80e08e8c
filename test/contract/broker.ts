import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Broker } from '../../hub/ports.ts';
import type { DeviceChannel, HubChannel } from '../../shared/protocol/topics.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS, topicOf } from '../../shared/protocol/topics.ts';

/** What the hub relies on of a broker that devices reach over TCP. Call within a `describe`. */
export function testBroker(open: () => Broker): void {
  let broker: Broker;
  let address: string;
  let heard: [device: string, channel: DeviceChannel, text: string][];
  const clients: mqtt.MqttClient[] = [];

  beforeEach(async () => {
    broker = open();
    heard = [];
    ({ address } = await broker.start((device, channel, payload) => {
      heard.push([device, channel, Buffer.from(payload).toString()]);
    }));
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await broker.stop();
  });

  async function connect(device: string) {
    const client = await mqtt.connectAsync(`mqtt://${address}`, { clientId: device, reconnectPeriod: 0 });
    clients.push(client);
    const texts: string[] = [];
    client.on('message', (topic, payload) => texts.push(`${topic} ${payload.toString()}`));
    await client.subscribeAsync(
      HUB_CHANNELS.map((channel) => topicOf(device, channel)),
      { qos: 1 },
    );
    const say = (channel: DeviceChannel, text: string) =>
      client.publishAsync(topicOf(device, channel), text, { qos: 1 });
    return { client, texts, say };
  }
  const publish = (device: string, channel: HubChannel, text: string) =>
    broker.publish(device, channel, Buffer.from(text));

  test('gives the hub what each device says, with its name and channel, in order', async () => {
    const [one, two] = [await connect('edge-1'), await connect('edge-2')];
    for (const channel of DEVICE_CHANNELS) await one.say(channel, `one on ${channel}`);
    await two.say('hello', 'ä€');
    expect(heard).toEqual([
      ...DEVICE_CHANNELS.map((channel) => ['edge-1', channel, `one on ${channel}`]),
      ['edge-2', 'hello', 'ä€'],
    ]);
  });

  test('gives a device what is published for it, in order, and no other', async () => {
    const [one, two] = [await connect('edge-1'), await connect('edge-2')];
    for (const channel of HUB_CHANNELS) await publish('edge-1', channel, `to one on ${channel}`);
    for (let index = 0; index < 200; index += 1) await publish('edge-1', 'ack', `${index}`);
    await expect.poll(() => one.texts.length, { interval: 5 }).toBe(HUB_CHANNELS.length + 200);
    expect(one.texts).toEqual([
      ...HUB_CHANNELS.map((channel) => `${topicOf('edge-1', channel)} to one on ${channel}`),
      ...Array.from({ length: 200 }, (_, index) => `${topicOf('edge-1', 'ack')} ${index}`),
    ]);
    await publish('edge-2', 'ack', 'last');
    await expect.poll(() => two.texts, { interval: 5 }).toEqual([`${topicOf('edge-2', 'ack')} last`]);
  });

  test('keeps nothing for a device that is away', async () => {
    await publish('edge-1', 'desired', 'while away');
    const { texts } = await connect('edge-1');
    await publish('edge-1', 'desired', 'while here');
    await expect.poll(() => texts, { interval: 5 }).toEqual([`${topicOf('edge-1', 'desired')} while here`]);
  });

  test('takes payloads as large as either side sends them, both ways', async () => {
    const { texts, say } = await connect('edge-1');
    const large = 'x'.repeat(64 * 1024);
    await say('report', large);
    await publish('edge-1', 'desired', large);
    await expect.poll(() => texts, { interval: 5 }).toEqual([`${topicOf('edge-1', 'desired')} ${large}`]);
    expect(heard).toEqual([['edge-1', 'report', large]]);
  });

  test('cuts every device off when it stops, and its port is free again', async () => {
    const { client } = await connect('edge-1');
    const closed = new Promise<void>((resolve) => {
      client.once('close', () => resolve());
    });
    await broker.stop();
    await closed;
    await expect(mqtt.connectAsync(`mqtt://${address}`, { reconnectPeriod: 0 })).rejects.toThrow();
    broker = open();
    await broker.start(() => {});
  });
}
