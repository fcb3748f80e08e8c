import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Link } from '../../agent/ports.ts';
import type { HubChannel } from '../../shared/protocol/topics.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS } from '../../shared/protocol/topics.ts';

/** A link of the device `edge-1` and the other end of it. */
export interface LinkWorld {
  readonly link: Link;
  /** `channel text` of each message that came to the hub from the device. */
  readonly heard: readonly string[];
  send(channel: HubChannel, text: string): Promise<void>;
  /** Cuts what is connected. */
  cut(): void;
  /** Cuts what is connected, and makes connecting impossible. */
  close(): Promise<void>;
}

/** What the agent relies on of its link. Call within a `describe`. */
export function testLink(open: () => Promise<LinkWorld>): void {
  let world: LinkWorld;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(() => world.close());

  async function connect(gone = 'gone') {
    const received: string[] = [];
    const lost: string[] = [];
    const connection = await world.link.connect({
      gone: Buffer.from(gone),
      receive: (channel: HubChannel, payload) =>
        received.push(`${channel} ${Buffer.from(payload).toString()}`),
      lost: (reason) => lost.push(reason),
    });
    return { connection, received, lost };
  }

  test('has subscribed when it is connected, so that nothing sent after that is missed', async () => {
    const { received } = await connect();
    for (const channel of HUB_CHANNELS) await world.send(channel, 'ä');
    await expect.poll(() => received, { interval: 5 }).toEqual(HUB_CHANNELS.map((channel) => `${channel} ä`));
  });

  test('brings what is published to the hub, in order', async () => {
    const { connection } = await connect();
    const channels = DEVICE_CHANNELS.filter((channel) => channel !== 'gone');
    for (const channel of channels) await connection.publish(channel, Buffer.from('ä'));
    await expect.poll(() => world.heard, { interval: 5 }).toEqual(channels.map((channel) => `${channel} ä`));
  });

  test('says that it is gone when it is closed politely, once', async () => {
    const { connection, lost } = await connect('goodbye');
    await connection.close(true);
    const { connection: next } = await connect();
    await next.publish('hello', Buffer.from('again'));
    await expect.poll(() => world.heard, { interval: 5 }).toEqual(['gone goodbye', 'hello again']);
    expect(lost).toEqual([]);
  });

  test('leaves its last will when it is thrown away, and does not call that lost', async () => {
    const { connection, lost } = await connect('last will');
    await connection.close(false);
    await expect.poll(() => world.heard, { interval: 5 }).toEqual(['gone last will']);
    expect(lost).toEqual([]);
  });

  test('tells once that it was lost, leaves its last will, and another one can be made', async () => {
    const { received, lost } = await connect('last will');
    world.cut();
    await expect.poll(() => lost.length, { interval: 5 }).toBe(1);
    await expect.poll(() => world.heard, { interval: 5 }).toEqual(['gone last will']);

    const second = await connect('second');
    await world.send('ack', 'hello');
    await expect.poll(() => second.received, { interval: 5 }).toEqual(['ack hello']);
    expect([received, lost.length, second.lost]).toEqual([[], 1, []]);
  });

  test('does not publish once it was lost', async () => {
    const { connection, lost } = await connect();
    world.cut();
    await expect.poll(() => lost.length, { interval: 5 }).toBe(1);
    await connection.close(false);
    await expect(connection.publish('hello', Buffer.from('too late'))).rejects.toThrow();
  });

  test('does not connect where nobody listens', async () => {
    await world.close();
    await expect(connect()).rejects.toThrow(/ECONNREFUSED|closed/);
  });
}
