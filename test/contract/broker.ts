import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DEVICE_CHANNELS, HUB_CHANNELS, topicOf } from '../../shared/protocol/topics.ts';
import type { TestDevice } from './brokers/device.ts';
import { connectDevice } from './brokers/device.ts';
import type { GuaranteeName } from './brokers/guarantees.ts';
import { GUARANTEES } from './brokers/guarantees.ts';
import type { BrokerName } from './brokers/kept.ts';
import { KEPT } from './brokers/kept.ts';
import type { BrokerKind, BrokerWorld, Heard } from './brokers/world.ts';
import { openWorld } from './brokers/world.ts';

/** What a broker that keeps a guarantee may take for it, and how soon one that does not is believed. */
const PATIENCE_MS = 20_000;
const IMPATIENCE_MS = 1_500;

/**
 * What the hub relies on of any broker, and what each is known to keep or not beyond that: one that begins to keep a
 * guarantee, or no longer does, fails. Skipped, by name, where its program is missing.
 */
export function testBroker(name: BrokerName, kind: BrokerKind, program: string | undefined): void {
  const missing = program === undefined ? ' (skipped: it is not installed)' : '';
  describe.skipIf(program === undefined)(`${name}${missing}`, () => {
    let world: BrokerWorld;
    beforeAll(async () => {
      world = await openWorld(kind);
    });
    afterAll(() => world.close());

    testPort(() => world);

    const names = Object.keys(GUARANTEES) as GuaranteeName[];
    test.each(names.map((each) => [KEPT[name][each] ? 'keeps' : 'does not keep', each] as const))(
      '%s: %s',
      async (_, each) => {
        const kept = KEPT[name][each];
        const found = await GUARANTEES[each].probe(world, kept ? PATIENCE_MS : IMPATIENCE_MS);
        expect(found, GUARANTEES[each].sentence).toBe(kept);
      },
    );
  });
}

function testPort(open: () => BrokerWorld): void {
  const devices: TestDevice[] = [];
  afterEach(() => Promise.all(devices.splice(0).map((device) => device.close())));
  async function connect(name: string): Promise<TestDevice> {
    const device = await connectDevice(open(), name);
    devices.push(device);
    return device;
  }

  test('gives the hub what each device says, with its name and channel', async () => {
    const { heard } = open();
    const from = heard.length;
    const [one, two] = [await connect('edge-1'), await connect('edge-2')];
    for (const channel of DEVICE_CHANNELS) await one.say(channel, `one on ${channel}`);
    await two.say('hello', 'ä€');
    // The hub answers each hello: nothing of this may come in the next test.
    await expect.poll(() => [one.got.length, two.got.length], { interval: 5 }).toEqual([1, 1]);
    await expect.poll(() => heard.length - from, { interval: 5 }).toBe(DEVICE_CHANNELS.length + 1);
    const byText = (a: Heard, b: Heard) => a.text.localeCompare(b.text);
    const said = DEVICE_CHANNELS.map((channel) => ({ device: 'edge-1', channel, text: `one on ${channel}` }));
    expect(heard.slice(from).toSorted(byText)).toEqual(
      [...said, { device: 'edge-2', channel: 'hello', text: 'ä€' } as const].toSorted(byText),
    );
  });

  test('gives a device what is published for it, and no other', async () => {
    const { hub } = open();
    const [one, two] = [await connect('edge-1'), await connect('edge-2')];
    for (const channel of HUB_CHANNELS) await hub.publish('edge-1', channel, Buffer.from(`on ${channel}`));
    await hub.publish('edge-2', 'ack', Buffer.from('last'));
    await expect
      .poll(() => two.got, { interval: 5 })
      .toEqual([{ topic: topicOf('edge-2', 'ack'), text: 'last' }]);
    const sent = HUB_CHANNELS.map((channel) => ({
      topic: topicOf('edge-1', channel),
      text: `on ${channel}`,
    }));
    const byTopic = (a: { topic: string }, b: { topic: string }) => a.topic.localeCompare(b.topic);
    await expect.poll(() => one.got.toSorted(byTopic), { interval: 5 }).toEqual(sent.toSorted(byTopic));
  });

  test('has a bound for what the hub says, and for what waits for one device', async () => {
    const { hub } = open();
    const publish = (bytes: number) => hub.publish('edge-2', 'desired', Buffer.alloc(bytes));
    await expect(publish(64 * 1024 + 1)).rejects.toThrow(/too large/);
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => publish(64 * 1024)));
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(String((refused[0] as PromiseRejectedResult).reason)).toMatch(/edge-2 does not take what is sent/);
    await publish(64 * 1024);
  });
}
