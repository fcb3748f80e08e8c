import type { IClientOptions, MqttClient } from 'mqtt';
import mqtt from 'mqtt';
import type { DeviceChannel, HubChannel } from '../../../shared/protocol/topics.ts';
import { HUB_CHANNELS, topicOf } from '../../../shared/protocol/topics.ts';
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

/** A device that has subscribed to its own channels; or, with `filters`, to those. */
export async function connectDevice(
  { url, broker }: BrokerWorld,
  device: string,
  options: IClientOptions & { readonly filters?: readonly string[] } = {},
): Promise<TestDevice> {
  const { filters = HUB_CHANNELS.map((channel: HubChannel) => topicOf(device, channel)), ...rest } = options;
  const login = broker.login(device);
  const client = mqtt.connect(url, { clientId: device, reconnectPeriod: 0, ...login, ...rest });
  const got: TestDevice['got'] = [];
  let lost = false;
  let reason = 'closed';
  client.on('error', (error) => (reason = error.message));
  client.on('message', (topic, payload) => got.push({ topic, text: payload.toString() }));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error(reason)));
  });
  client.on('close', () => (lost = true));
  if (filters.length > 0) await client.subscribeAsync([...filters], { qos: 1 });
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
