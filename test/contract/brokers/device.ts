import type { IClientOptions, MqttClient } from 'mqtt';
import mqtt from 'mqtt';
import type { DeviceChannel, HubChannel } from '../../../shared/protocol/topics.ts';
import { HUB_CHANNELS, topicOf } from '../../../shared/protocol/topics.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { BrokerWorld } from './world.ts';

export interface TestDevice {
  readonly client: MqttClient;
  /** What came so far. */
  readonly got: { readonly topic: string; readonly text: string }[];
  readonly isLost: () => boolean;
  say(channel: DeviceChannel, text: string): Promise<void>;
  /** Ends the way a lost link does: no goodbye. */
  cut(): Promise<void>;
  close(): Promise<void>;
}

type Options = IClientOptions & { readonly filters?: readonly string[] };

/**
 * A device that has subscribed to its own channels; or, with `filters`, to those. One that is cut off tries again, as a
 * device does: NATS makes a client wait that comes back too often, and RabbitMQ closes one, seldom, that comes while
 * it still clears up after the last.
 * @throws Error where the broker says no, or nobody listens
 */
export async function connectDevice(
  world: BrokerWorld,
  device: string,
  options: Options = {},
): Promise<TestDevice> {
  let refusal: unknown;
  const connected = await waitFor(`${device} to be let in`, async () => {
    try {
      return await connectOnce(world, device, options);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusal = error;
      return 'refused';
    }
  });
  if (connected === 'refused') throw refusal;
  return connected;
}

/** Whether a broker said no, rather than nothing. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^Connection refused|ECONNREFUSED/.test(error.message);
}

/** The same, once. */
export async function connectOnce(
  { url, broker }: BrokerWorld,
  device: string,
  options: Options = {},
): Promise<TestDevice> {
  const { filters = HUB_CHANNELS.map((channel: HubChannel) => topicOf(device, channel)), ...rest } = options;
  const login = broker.login(device);
  const client = mqtt.connect(url, { clientId: device, reconnectPeriod: 0, ...login, ...rest });
  const got: TestDevice['got'] = [];
  let lost = false;
  let reason = 'closed';
  client.on('error', (error) => (reason = error.message));
  client.on('message', (topic, payload) => got.push({ topic, text: payload.toString() }));
  const ready = new Promise<void>((resolve, reject) => {
    client.once('close', () => reject(new Error(reason)));
    client.once('connect', () => {
      if (filters.length === 0) resolve();
      else client.subscribeAsync([...filters], { qos: 1 }).then(() => resolve(), reject);
    });
  });
  await ready.catch(async (error: unknown) => {
    await client.endAsync(true);
    throw error;
  });
  client.on('close', () => (lost = true));
  const closed = () =>
    new Promise<void>((resolve) => {
      if (client.disconnected) resolve();
      else client.once('close', () => resolve());
    });
  return {
    client,
    got,
    isLost: () => lost,
    say: async (channel, text) =>
      void (await client.publishAsync(topicOf(device, channel), text, { qos: 1 })),
    async cut() {
      const over = closed();
      client.stream.destroy();
      await over;
    },
    close: () => client.endAsync(true),
  };
}
