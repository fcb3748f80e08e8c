import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { AedesPublishPacket, Client } from 'aedes';
import { Aedes } from 'aedes';
import { formatAddress } from '../../shared/base/address.ts';
import type { Address } from '../../shared/config/settings.ts';
import { dnsLabel } from '../../shared/model/schema.ts';
import type { Log } from '../../shared/ports.ts';
import {
  DEVICE_CHANNELS,
  HUB_CHANNELS,
  parseTopic,
  subscriptionOf,
  topicOf,
} from '../../shared/protocol/topics.ts';
import type { Broker } from '../ports.ts';

/** With Node's 511, five thousand connects at once took five times as long. */
const LISTEN_BACKLOG = 4096;
/** A client that takes nothing for this long is dropped: otherwise it holds up everyone else's messages. */
const DRAIN_TIMEOUT_MS = 2_000;
const CONCURRENCY = 5_000;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The MQTT broker inside the hub (aedes). A client is a device by its client id; it publishes on its own device
 * channels and subscribes to its own hub channels, nothing else, and nothing is retained.
 */
export function createEmbeddedBroker({ host, port }: Address, log: Log): Broker {
  let aedes: Aedes | undefined;
  let server: Server | undefined;
  const sockets = new Set<Socket>();

  return {
    async start(receive) {
      const broker = await Aedes.createBroker({
        drainTimeout: DRAIN_TIMEOUT_MS,
        concurrency: CONCURRENCY,
        connectTimeout: CONNECT_TIMEOUT_MS,
        maxClientsIdLength: 63,
        maxTopicLevels: 5,
        authenticate: (client, _user, _password, done) => done(null, dnsLabel.safeParse(client.id).success),
        authorizePublish: (client, packet, done) => {
          const allowed = client === null || (!packet.retain && isOwn(packet.topic, client, DEVICE_CHANNELS));
          done(allowed ? null : new Error(`${client.id} may not publish on ${packet.topic}`));
        },
        authorizeSubscribe: (client, subscription, done) => {
          done(null, isOwn(subscription.topic, client, HUB_CHANNELS) ? subscription : null);
        },
      });
      aedes = broker;
      broker.on('clientError', (client, error) =>
        log.debug({ device: client.id, error: error.message }, 'MQTT client'),
      );
      broker.on('connectionError', (_client, error) =>
        log.debug({ error: error.message }, 'MQTT connection'),
      );
      for (const channel of DEVICE_CHANNELS) {
        const deliver = (packet: AedesPublishPacket, done: () => void) => {
          const device = parseTopic(packet.topic)?.device;
          if (device !== undefined) receive(device, channel, Buffer.from(packet.payload));
          // Called at once, a long queue of messages would overflow the stack (mqemitter).
          queueMicrotask(done);
        };
        await new Promise<void>((resolve) => {
          broker.subscribe(subscriptionOf(channel), deliver, resolve);
        });
      }
      const listening = createServer((socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        broker.handle(socket);
      });
      server = listening;
      await new Promise<void>((resolve, reject) => {
        listening.once('error', reject);
        listening.listen({ host, port, backlog: LISTEN_BACKLOG }, resolve);
      });
      return { address: formatAddress(host, (listening.address() as AddressInfo).port) };
    },

    publish: (device, channel, payload) =>
      new Promise((resolve, reject) => {
        if (aedes === undefined) return reject(new Error('the broker has not been started'));
        const packet = {
          cmd: 'publish',
          topic: topicOf(device, channel),
          payload: Buffer.from(payload),
        } as const;
        // QoS 1 always: with two at once from inside the process aedes loses messages (aedes#994).
        aedes.publish({ ...packet, qos: 1, dup: false, retain: false }, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),

    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => {
        if (server === undefined) resolve();
        else server.close(() => resolve());
      });
      await new Promise<void>((resolve) => {
        if (aedes === undefined) resolve();
        else aedes.close(resolve);
      });
    },
  };
}

function isOwn(topic: string, client: Client, channels: readonly string[]): boolean {
  const parsed = parseTopic(topic);
  return parsed?.device === client.id && channels.includes(parsed.channel);
}
