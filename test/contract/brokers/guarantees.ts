import { setImmediate } from 'node:timers/promises';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { topicOf } from '../../../shared/protocol/topics.ts';
import {
  connectPacket,
  connectRaw,
  packet,
  remainingLength,
  SUBSCRIBE,
  short,
} from '../../tools/mqtt-wire.ts';
import { makeRoundTrips } from '../../tools/round-trips.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { connectDevice, connectOnce, isRefusal } from './device.ts';
import type { BrokerWorld } from './world.ts';
import { HUB_USER } from './world.ts';

/** How long is looked for what should not come. */
const WINDOW_MS = 1_000;
/** How long steps on the way may take, that every broker takes. */
const STEP_MS = 20_000;
const MANY = 3_000;

export interface Guarantee {
  /** As docs/brokers.md says it. */
  readonly sentence: string;
  /** Finds out whether a broker keeps it within its patience, leaves the world as it was, and throws where that can't be told. */
  readonly probe: (world: BrokerWorld, patienceMs: number) => Promise<boolean>;
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

/** Whether it comes true in time. */
async function comes(look: () => boolean, limitMs: number): Promise<boolean> {
  return waitFor('it', look, limitMs).catch(() => false);
}

/** What the hub heard of a device on a channel from here on. */
function listen({ heard }: BrokerWorld, device: string, channel: string): () => string[] {
  const from = heard.length;
  return () =>
    heard.slice(from).flatMap((one) => (one.device === device && one.channel === channel ? [one.text] : []));
}

const will = (device: string, text: string) => ({
  will: { topic: topicOf(device, 'gone'), payload: Buffer.from(text), qos: 1 as const, retain: false },
});

/** What a broker may keep to or not, by name. The link needs none of those that one of them does not keep. */
export const GUARANTEES = {
  'order up': {
    sentence: 'What a device says reaches the hub whole and in order, 3,000 messages at once',
    async probe(world, patienceMs) {
      const device = await connectDevice(world, 'edge-1');
      const said = listen(world, 'edge-1', 'report');
      await Promise.all(numbered(MANY).map((text) => device.say('report', text)));
      await comes(() => said().length >= MANY, patienceMs);
      await device.close();
      return said().join() === numbered(MANY).join();
    },
  },
  'order down': {
    sentence: 'What the hub says reaches a device whole and in order',
    async probe(world, patienceMs) {
      const device = await connectDevice(world, 'edge-1');
      for (let index = 0; index < MANY; index += 100) {
        const texts = numbered(MANY).slice(index, index + 100);
        await Promise.all(texts.map((text) => world.hub.publish('edge-1', 'ack', Buffer.from(text))));
      }
      await comes(() => device.got.length >= MANY, patienceMs);
      await device.close();
      return device.got.map(({ text }) => text).join() === numbered(MANY).join();
    },
  },
  'order over channels': {
    sentence: 'What a device says on two channels by turns reaches the hub in that order',
    async probe(world, patienceMs) {
      const device = await connectDevice(world, 'edge-1');
      const from = world.heard.length;
      const texts = numbered(1_000);
      await Promise.all(
        texts.map((text, index) => device.say(index % 2 === 0 ? 'report' : 'response', text)),
      );
      const said = () => world.heard.slice(from).map(({ text }) => text);
      await comes(() => said().length >= texts.length, patienceMs);
      await device.close();
      return said().join() === texts.join();
    },
  },
  'mixed QoS': {
    sentence: 'Messages at QoS 0 and 1 by turns all reach the hub',
    async probe(world, patienceMs) {
      const device = await connectDevice(world, 'edge-1');
      const said = listen(world, 'edge-1', 'report');
      const publish = (text: string, index: number) =>
        device.client.publishAsync(topicOf('edge-1', 'report'), text, { qos: index % 2 === 0 ? 0 : 1 });
      await Promise.all(numbered(1_000).map(publish));
      const all = await comes(() => said().length >= 1_000, patienceMs);
      await device.close();
      return all;
    },
  },
  'order over reconnects': {
    sentence: 'Over reconnects under traffic a device gets nothing twice and nothing out of order',
    async probe(world) {
      let next = 0;
      let over = false;
      const traffic = (async () => {
        while (!over) {
          await world.hub.publish('edge-1', 'ack', Buffer.from(`${(next += 1)}`));
          // Where nobody listens that is done at once, and nobody else would get a turn.
          await setImmediate();
        }
      })();
      const got: number[] = [];
      for (let round = 0; round < 10; round += 1) {
        const device = await connectDevice(world, 'edge-1');
        await waitFor('some traffic', () => device.got.length > 20, STEP_MS);
        got.push(...device.got.map(({ text }) => Number(text)));
        await device.cut();
      }
      over = true;
      await traffic;
      return got.every((number, index) => index === 0 || number > (got[index - 1] ?? 0));
    },
  },
  'nothing kept for the absent': {
    sentence: 'Nothing is kept for a device that is away',
    async probe(world, patienceMs) {
      await (await connectDevice(world, 'edge-1')).cut();
      await world.hub.publish('edge-1', 'ack', Buffer.from('while away'));
      const device = await connectDevice(world, 'edge-1');
      await world.hub.publish('edge-1', 'ack', Buffer.from('while here'));
      await comes(() => device.got.some(({ text }) => text === 'while here'), patienceMs);
      await device.close();
      return device.got.map(({ text }) => text).join() === 'while here';
    },
  },
  'no kept sessions': {
    sentence: 'A device that asks for a session that is kept (clean session 0) gets none',
    async probe(world) {
      const kept = { clean: false };
      try {
        await (await connectDevice(world, 'edge-1', kept)).cut();
        await world.hub.publish('edge-1', 'ack', Buffer.from('while away'));
        const device = await connectDevice(world, 'edge-1', kept);
        const came = await comes(() => device.got.length > 0, WINDOW_MS);
        await device.close();
        // Connecting with a clean session ends the kept one.
        await (await connectDevice(world, 'edge-1')).close();
        return !came;
      } catch (error) {
        if (isRefusal(error)) return true;
        throw error;
      }
    },
  },
  'nothing retained': {
    sentence: 'Nothing that a device wants retained is retained',
    async probe(world, patienceMs) {
      const retain = { qos: 1, retain: true } as const;
      const device = await connectDevice(world, 'edge-1');
      device.client.publish(topicOf('edge-1', 'report'), 'for ever', retain, () => {});
      if (await comes(() => device.isLost(), patienceMs)) return true;
      // In the hub's place, for the hub drops by itself what was retained.
      await world.stopHub();
      const filters = [topicOf('edge-1', 'report')];
      const observer = await connectDevice(world, HUB_USER, { filters });
      const came = await comes(() => observer.got.length > 0, WINDOW_MS);
      await observer.close();
      await device.client.publishAsync(topicOf('edge-1', 'report'), '', retain);
      await device.close();
      await world.startHub();
      return !came;
    },
  },
  'will on loss': {
    sentence: 'The last will of a device whose link is lost reaches the hub',
    async probe(world, patienceMs) {
      const gone = listen(world, 'edge-1', 'gone');
      await (await connectDevice(world, 'edge-1', will('edge-1', '1'))).cut();
      return comes(() => gone().join() === '1', patienceMs);
    },
  },
  takeover: {
    sentence: 'A second connection of a device ends the first, and gets what is said from then on',
    async probe(world, patienceMs) {
      const first = await connectDevice(world, 'edge-1');
      const second = await connectDevice(world, 'edge-1');
      const ended = await comes(() => first.isLost(), patienceMs);
      await world.hub.publish('edge-1', 'ack', Buffer.from('to the second'));
      const came = await comes(() => second.got.length === 1, patienceMs);
      await first.close();
      await second.close();
      return ended && came && first.got.length === 0;
    },
  },
  'will on takeover': {
    sentence: 'The last will of a connection that is taken over reaches the hub',
    async probe(world, patienceMs) {
      const gone = listen(world, 'edge-1', 'gone');
      const first = await connectDevice(world, 'edge-1', will('edge-1', '1'));
      const second = await connectDevice(world, 'edge-1', will('edge-1', '2'));
      const came = await comes(() => gone().join() === '1', patienceMs);
      await first.close();
      await second.client.endAsync(false);
      return came;
    },
  },
  'kept for the hub': {
    sentence: 'What a device was told is taken (PUBACK) while the hub was away reaches the hub later',
    async probe(world) {
      const said = listen(world, 'edge-1', 'report');
      await world.stopHub();
      const early = await connectDevice(world, 'edge-1').catch(() => undefined);
      await early?.say('report', 'while away');
      await early?.close();
      await world.startHub();
      const device = await connectDevice(world, 'edge-1');
      await device.say('report', 'while here');
      await comes(() => said().includes('while here'), STEP_MS);
      await device.close();
      return said().includes('while away');
    },
  },
  'payload bound': {
    sentence: 'A payload of 64 KiB passes, and none of 128 KiB',
    async probe(world, patienceMs) {
      const device = await connectDevice(world, 'edge-1');
      const said = listen(world, 'edge-1', 'report');
      const large = 'x'.repeat(LARGEST_PAYLOAD_BYTES);
      await device.say('report', large);
      await world.hub.publish('edge-1', 'desired', Buffer.from(large));
      const passes = await comes(() => said().join() === large && device.got[0]?.text === large, STEP_MS);
      device.client.publish(topicOf('edge-1', 'report'), `${large}${large}`, { qos: 1 }, () => {});
      const refused = await comes(() => device.isLost(), patienceMs);
      await device.close();
      return passes && refused;
    },
  },
  'first packet bound': {
    sentence: 'A packet of 200 MiB is not taken from who has not been let in',
    async probe(world) {
      const client = connectRaw(world.broker.address, Buffer.from([0x10]), remainingLength(200 * 2 ** 20));
      const chunk = Buffer.alloc(2 ** 20);
      for (let sent = 0; sent < 64 && !client.socket.destroyed; sent += 1) {
        const written = new Promise((resolve) => client.socket.write(chunk, resolve));
        await Promise.race([written, client.closed]);
      }
      const takenBytes = client.socket.bytesWritten - client.socket.writableLength;
      client.socket.destroy();
      return takenBytes < 32 * 2 ** 20;
    },
  },
  access: {
    sentence: "A device neither hears nor says anything on another's channels, or on the hub's",
    async probe(world) {
      const victim = await connectDevice(world, 'edge-2');
      const forged = listen(world, 'edge-2', 'hello');
      const foreign = ['#', 'holdfast/v1/+/ack', topicOf('edge-2', 'ack'), topicOf('edge-2', 'hello')];
      const spies: string[] = [];
      for (const filter of [...foreign, `$share/group/${topicOf('edge-2', 'ack')}`]) {
        const spy = await connectDevice(world, 'edge-1', { filters: [] });
        spy.client.on('message', (_topic, payload) => spies.push(payload.toString()));
        await spy.client.subscribeAsync(filter, { qos: 1 }).catch(() => {});
        await world.hub.publish('edge-2', 'ack', Buffer.from(`secret ${filter}`));
        await comes(() => victim.got.some(({ text }) => text === `secret ${filter}`), STEP_MS);
        await spy.close();
      }
      for (const topic of [topicOf('edge-2', 'hello'), topicOf('edge-2', 'ack'), topicOf('edge-1', 'ack')]) {
        const forger = await connectDevice(world, 'edge-1');
        forger.client.publish(topic, 'forged', { qos: 1 }, () => {});
        await comes(() => forger.isLost() || forger.got.length > 0, WINDOW_MS);
        spies.push(...forger.got.map(({ text }) => text));
        await forger.close();
      }
      await victim.say('report', 'done');
      const isFirm =
        victim.got.every(({ text }) => text !== 'forged') && victim.got.length === foreign.length + 1;
      await victim.close();
      return isFirm && spies.length === 0 && forged().length === 0;
    },
  },
  identity: {
    sentence: "With its own password or certificate a device can't take another's place",
    async probe(world) {
      const victim = await connectDevice(world, 'edge-2');
      const pose = () => connectOnce(world, 'edge-1', { clientId: 'edge-2', filters: [] });
      const intruder = await waitFor('a refusal', pose, WINDOW_MS).catch(() => undefined);
      const taken = await comes(() => victim.isLost(), WINDOW_MS);
      await intruder?.close();
      await victim.close();
      return !taken;
    },
  },
  'MQTT 5': {
    sentence: 'MQTT 5 is spoken too',
    async probe(world) {
      const device = await connectOnce(world, 'edge-1', { protocolVersion: 5 }).catch(() => undefined);
      await device?.close();
      return device !== undefined;
    },
  },
  'empty client id': {
    sentence: 'An empty client id with a session to keep is refused (MQTT-3.1.3-8)',
    async probe(world) {
      const { username = '', password = '' } = world.broker.login('edge-1');
      const account = username === '' ? [] : [username, password];
      const client = connectRaw(
        world.broker.address,
        connectPacket('', account.length > 0 ? 0xc0 : 0, 60, ...account),
      );
      await waitFor('an answer', () => client.socket.destroyed || client.received().length >= 4, STEP_MS);
      const accepted = client.received()[3] === 0;
      client.socket.destroy();
      return !accepted;
    },
  },
  fairness: {
    sentence: 'A device that stops reading holds nobody else up',
    async probe(world) {
      const { username = '', password = '' } = world.broker.login('edge-1');
      const account = username === '' ? [] : [username, password];
      const flags = account.length > 0 ? 0xc2 : 0x02;
      const frozen = connectRaw(world.broker.address, connectPacket('edge-1', flags, 60, ...account));
      await waitFor('CONNACK', () => frozen.received().length >= 4, STEP_MS);
      frozen.socket.write(packet(SUBSCRIBE, short(1), topicOf('edge-1', 'desired'), 1));
      await waitFor('SUBACK', () => frozen.received().length >= 9, STEP_MS);
      frozen.socket.pause();
      const trips = await makeRoundTrips(world.url, 'neighbour', world.broker.login('neighbour'));
      const payload = Buffer.alloc(LARGEST_PAYLOAD_BYTES);
      for (let sent = 0; sent < 400; sent += 1) {
        const published = world.hub.publish('edge-1', 'desired', payload);
        // Refused, or never done: the frozen device is all that may suffer.
        published.catch(() => {});
        await Promise.race([published.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 5))]);
      }
      const fair = await trips.finish().then(
        () => true,
        () => false,
      );
      frozen.socket.destroy();
      return fair;
    },
  },
  'broker killed': {
    sentence:
      'Killed and started again, it carries on, and the hub is told of both; nothing said meanwhile comes later',
    async probe(world, patienceMs) {
      const said = listen(world, 'edge-1', 'report');
      const device = await connectDevice(world, 'edge-1');
      const turns = world.turns.length;
      await world.broker.kill();
      await waitFor('the device to notice', () => device.isLost());
      if (world.broker.isInHub) await world.stopHub();
      else await waitFor('the hub to notice', () => world.turns.slice(turns).join() === 'lost');
      const refused = await world.hub.publish('edge-1', 'ack', Buffer.from('lost')).then(
        () => false,
        () => true,
      );
      await world.broker.run();
      if (world.broker.isInHub) await world.startHub();
      else await waitFor('the hub to be back', () => world.turns.slice(turns).join() === 'lost,ready');
      const again = await connectDevice(world, 'edge-1');
      await again.say('report', 'after');
      await world.hub.publish('edge-1', 'ack', Buffer.from('after'));
      const came = await comes(() => said().length > 0 && again.got.length > 0, patienceMs);
      await device.close();
      await again.close();
      return (
        refused && came && said().join() === 'after' && again.got.map(({ text }) => text).join() === 'after'
      );
    },
  },
} satisfies Record<string, Guarantee>;
export type GuaranteeName = keyof typeof GUARANTEES;
