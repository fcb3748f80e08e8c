import mqtt from 'mqtt';
import { withDeadline } from '../../shared/base/deadline.ts';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { HUB_CHANNELS, parseTopic, topicOf } from '../../shared/protocol/topics.ts';
import type { HubChannel } from '../../shared/protocol/topics.ts';
import type { Connection, Link } from '../ports.ts';

/** How long connecting and subscribing, and one publish, may take. */
const CONNECT_DEADLINE_MS = 15_000;
const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 5_000;

/**
 * The link over MQTT 3.1.1: clean sessions, QoS 1, nothing retained. The client library never reconnects by
 * itself (it can latch, MQTT.js#2015 and zigbee2mqtt#33150): a lost connection is thrown away for a new one.
 */
export function createMqttLink(url: string, device: string, keepaliveSeconds: number, clock: Clock): Link {
  return {
    async connect({ gone, receive, lost }) {
      const client = mqtt.connect(url, {
        clientId: device,
        clean: true,
        protocolVersion: 4,
        keepalive: keepaliveSeconds,
        reconnectPeriod: 0,
        connectTimeout: CONNECT_DEADLINE_MS,
        resubscribe: false,
        queueQoSZero: false,
        will: { topic: topicOf(device, 'gone'), payload: Buffer.from(gone), qos: 1, retain: false },
      });
      client.on('message', (topic, payload) => {
        const channel = HUB_CHANNELS.find((known) => known === parseTopic(topic)?.channel);
        if (channel !== undefined) receive(channel satisfies HubChannel, payload);
      });
      let lastError = 'the connection was closed';
      client.on('error', (error) => (lastError = messageOf(error)));
      try {
        await deadline(
          clock,
          CONNECT_DEADLINE_MS,
          'connecting to the broker',
          becomeReady(client, device, () => lastError),
        );
      } catch (error) {
        await end(client, clock, true);
        throw error;
      }
      client.on('close', () => lost(lastError));
      return connectionOf(client, clock, device, gone);
    },
  };
}

async function becomeReady(client: mqtt.MqttClient, device: string, reason: () => string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error(reason())));
  });
  await client.subscribeAsync(
    HUB_CHANNELS.map((channel) => topicOf(device, channel)),
    { qos: 1 },
  );
}

function connectionOf(client: mqtt.MqttClient, clock: Clock, device: string, gone: Uint8Array): Connection {
  return {
    async publish(channel, payload) {
      const published = client.publishAsync(topicOf(device, channel), Buffer.from(payload), { qos: 1 });
      await deadline(clock, PUBLISH_DEADLINE_MS, 'publishing', published);
    },
    async close(polite) {
      client.removeAllListeners('close');
      let said = false;
      try {
        // A clean DISCONNECT makes the broker drop the will, so its text is published instead.
        if (polite && client.connected)
          await deadline(clock, CLOSE_DEADLINE_MS, 'the goodbye', this.publish('gone', gone));
        said = true;
      } finally {
        await end(client, clock, !polite || !said);
      }
    },
  };
}

/** Ends the client; one that waits for a broker that is frozen is cut off. */
async function end(client: mqtt.MqttClient, clock: Clock, force: boolean): Promise<void> {
  await deadline(clock, CLOSE_DEADLINE_MS, 'closing', client.endAsync(force)).catch(() =>
    client.stream.destroy(),
  );
}

/** @throws Error once `limitMs` have passed without `work` being done */
async function deadline<T>(clock: Clock, limitMs: number, what: string, work: Promise<T>): Promise<T> {
  return withDeadline(clock, limitMs, work, () => new Error(`${what} took longer than ${limitMs / 1000} s`));
}
