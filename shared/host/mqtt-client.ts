import mqtt from 'mqtt';
import { withDeadline } from '../base/deadline.ts';
import { messageOf } from '../base/errors.ts';
import type { Clock } from '../ports.ts';

/** How long connecting and subscribing, and one publish, may take. */
const CONNECT_DEADLINE_MS = 15_000;
const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 5_000;

/** Where a broker is, and how to be let in. */
export interface MqttAccess {
  /** `mqtt://` or `mqtts://`, without user and password. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM texts: who signs the broker's certificate (the host's own list where it is left out), and one of ours. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface MqttOptions {
  readonly access: MqttAccess;
  readonly clientId: string;
  readonly keepaliveSeconds: number;
  readonly will?: { readonly topic: string; readonly payload: Uint8Array };
  /** At most eight: clouds take no more in one SUBSCRIBE. */
  readonly filters: readonly string[];
  readonly receive: (topic: string, payload: Uint8Array) => void;
  /** Called once when a connection that was up is lost, and not when it is closed here. */
  readonly lost: (reason: string) => void;
  readonly clock: Clock;
}

export interface MqttConnection {
  readonly isUp: () => boolean;
  /** @throws Error where the broker did not take it by its deadline; whether it came is then not known */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Says goodbye first, which drops the will, unless it is to be cut. What is being published fails. */
  close(cut: boolean): Promise<void>;
}

/**
 * One connection over MQTT 3.1.1: a clean session, QoS 1, nothing retained. Resolves once it has subscribed. The
 * library never reconnects by itself (it can latch, MQTT.js#2015 and zigbee2mqtt#33150): a connection that is lost is
 * thrown away for a new one.
 * @throws Error where that was not reached by its deadline
 */
export async function connectMqtt(options: MqttOptions): Promise<MqttConnection> {
  const { access, clientId, keepaliveSeconds, will, receive, lost, clock } = options;
  const { url, ...credentials } = access;
  const client = mqtt.connect(url, {
    ...credentials,
    clientId,
    clean: true,
    protocolVersion: 4,
    keepalive: keepaliveSeconds,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_DEADLINE_MS,
    resubscribe: false,
    queueQoSZero: false,
    // MQTT.js would otherwise keep each of the 65,536 numbers that a packet can have as a buffer: 8 MB.
    writeCache: false,
    ...(will !== undefined && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: false },
    }),
  });
  client.on('message', (topic, payload, { retain }) => {
    // Of what somebody had retained nobody knows when it was said.
    if (!retain) receive(topic, payload);
  });
  let lastError = 'the connection was closed';
  client.on('error', (error) => (lastError = messageOf(error)));
  try {
    const ready = becomeReady(client, options.filters, () => lastError);
    await deadline(clock, CONNECT_DEADLINE_MS, 'connecting to the broker', ready);
  } catch (error) {
    await end(client, clock, true);
    throw error;
  }
  client.on('close', () => lost(lastError));
  return {
    isUp: () => client.connected,
    async publish(topic, payload) {
      const published = client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
      await deadline(clock, PUBLISH_DEADLINE_MS, 'publishing', published);
    },
    async close(cut) {
      client.removeAllListeners('close');
      await end(client, clock, cut);
    },
  };
}

async function becomeReady(client: mqtt.MqttClient, filters: readonly string[], reason: () => string) {
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error(reason())));
  });
  const granted = await client.subscribeAsync([...filters], { qos: 1 });
  if (granted.some(({ qos }) => qos !== 1)) throw new Error('the broker grants no QoS 1');
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
