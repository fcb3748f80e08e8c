import type { Socket } from 'node:net';
import type { AedesPublishPacket, Connection } from 'aedes';
import { Aedes } from 'aedes';
import type { Address } from '../../shared/config/settings.ts';
import { createClock } from '../../shared/host/clock.ts';
import type { Log } from '../../shared/ports.ts';
import { DEVICE_CHANNELS, parseTopic, subscriptionOf } from '../../shared/protocol/topics.ts';
import type { Broker } from '../ports.ts';
import { createAccess } from './access.ts';
import type { Guard } from './guard.ts';
import { createGuard } from './guard.ts';
import type { BrokerTls, Listener } from './listener.ts';
import { createListener } from './listener.ts';
import { createOutlet } from './outlet.ts';

/**
 * A client that takes nothing for this long is dropped. A thin uplink (16 kbit/s) needs half of it for the most that
 * waits for one device; it holds nobody up meanwhile, for messages wait for each device apart (`concurrency` 0).
 */
const DRAIN_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A client that asks for none would stay for ever once its link is dead. */
const LONGEST_KEEPALIVE_SECONDS = 1200;

/** The MQTT broker inside the hub (aedes), which devices reach over TCP, or over TLS with a certificate each. */
export function createEmbeddedBroker(address: Address, log: Log, tls?: BrokerTls): Broker {
  const clock = createClock();
  const guards = new WeakMap<object, Guard>();
  let aedes: Aedes | undefined;
  let listener: Listener | undefined;
  const outlet = createOutlet(
    (topic, payload) =>
      new Promise((resolve, reject) => {
        if (aedes === undefined) return reject(new Error('the broker has not been started'));
        // QoS 1 always: with two at once from inside the process aedes loses messages (aedes#994).
        const packet = { cmd: 'publish', topic, qos: 1, dup: false, retain: false } as const;
        aedes.publish({ ...packet, payload: Buffer.from(payload) }, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
  );

  function take(broker: Aedes, socket: Socket): void {
    const refuse = (problem: string) => log.debug({ from: socket.remoteAddress, problem }, 'MQTT connection');
    guards.set(socket, createGuard(socket, clock, refuse));
    broker.handle(socket);
  }

  function admit(connection: Connection): void {
    guards.get(connection)?.accept();
    listener?.admit(connection as Socket);
  }

  return {
    async start(receive, watch) {
      const broker = await Aedes.createBroker({
        ...createAccess(admit),
        concurrency: 0,
        drainTimeout: DRAIN_TIMEOUT_MS,
        connectTimeout: CONNECT_TIMEOUT_MS,
        keepaliveLimit: LONGEST_KEEPALIVE_SECONDS,
        maxClientsIdLength: 63,
        maxTopicLevels: 5,
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
      listener = createListener(tls, (socket) => take(broker, socket));
      const listening = await listener.listen(address);
      watch?.ready();
      return { address: listening };
    },

    publish: (device, channel, payload) => outlet.publish(device, channel, payload),

    async stop() {
      await listener?.close();
      await new Promise<void>((resolve) => {
        if (aedes === undefined) resolve();
        else aedes.close(resolve);
      });
    },
  };
}
