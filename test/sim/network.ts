import type { Link } from '../../agent/ports.ts';
import type { Broker } from '../../hub/ports.ts';
import type { DeviceChannel, HubChannel } from '../../shared/protocol/topics.ts';
import type { Life } from './life.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import { createWire } from './wire.ts';
import type { Wire } from './wire.ts';

/** What an MQTT client and a broker do with time, after the real ones. */
const CONNECT_DEADLINE_MS = 30_000;
const PUBLISH_DEADLINE_MS = 30_000;
const KEEPALIVE_MS = 240_000;
/** How long a client waits for the answer to a ping. */
const PING_DEADLINE_MS = 60_000;
const LATEST_WILL_MS = 3_000;

/** One MQTT connection, with an end at the device and one at the broker that may not know of each other's end. */
interface Connection {
  readonly device: string;
  readonly wire: Wire;
  readonly sinceMs: number;
  readonly gone: Uint8Array;
  /** Bytes of an earlier connection never arrive in a later one. */
  atDevice: 'open' | 'closed';
  atBroker: 'open' | 'closed';
  heardAtMs: number;
  readonly receive: (channel: HubChannel, payload: Uint8Array) => void;
  readonly lost: (reason: string) => void;
}

export interface Network {
  linkOf(device: string, life: Life): Link;
  /** The broker as the hub's process has it. */
  brokerOf(life: Life): Broker;
  wire(device: string): Wire;
  /** What a device's process leaves open when it ends: its host closes it, or a power cut says nothing to anyone. */
  abandon(device: string, polite: boolean): void;
  /** The broker's process ends, with all connections and without a word; `embedded` ones end with their hub. */
  stopBroker(): void;
  startBroker(): void;
  /** Has the broker close one device's connection, as it may at any time. */
  cut(device: string): void;
  /** Since when the device has been connected, by both ends; undefined where it is not. */
  connectedSinceMs(device: string): number | undefined;
}

interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly devices: readonly string[];
  /** Told of each message that reaches the hub's or a device's process. */
  readonly carried: (device: string, channel: DeviceChannel | HubChannel, payload: Uint8Array) => void;
  readonly count: (what: string) => void;
}

/** An MQTT broker and the wires to its devices: it promises what MQTT promises with clean sessions, and no more. */
export function createNetwork({ scheduler, random, devices, carried, count }: NetworkOptions): Network {
  const wires = new Map(
    devices.map((device) => [device, createWire(scheduler, random.fork(device), count)] as const),
  );
  const connections = new Map<string, Connection>();
  let isUp = true;
  let hub:
    | { life: Life; receive: (device: string, channel: DeviceChannel, payload: Uint8Array) => void }
    | undefined;

  const wireOf = (device: string): Wire => {
    const wire = wires.get(device);
    if (wire === undefined) throw new Error(`bug: no wire to ${device}`);
    return wire;
  };

  function giveToHub(device: string, channel: DeviceChannel, payload: Uint8Array): void {
    if (hub === undefined || hub.life.isOver()) return;
    const { life, receive } = hub;
    life.after(0, `hub ${channel}`, () => {
      carried(device, channel, payload);
      receive(device, channel, payload);
    });
  }

  /** The broker's end closes; the will goes out, and the device learns of it where its wire still carries. */
  function closeAtBroker(connection: Connection, reason: string, withWill: boolean): void {
    if (connection.atBroker === 'closed') return;
    connection.atBroker = 'closed';
    if (connections.get(connection.device) === connection) connections.delete(connection.device);
    if (withWill) giveToHub(connection.device, 'gone', connection.gone);
    connection.wire.down(() => loseAtDevice(connection, reason), 'control');
  }

  function loseAtDevice(connection: Connection, reason: string): void {
    if (connection.atDevice === 'closed') return;
    connection.atDevice = 'closed';
    connection.lost(reason);
  }

  function keepAlive(connection: Connection, life: Life): void {
    const ping = () => {
      if (connection.atDevice === 'closed') return;
      let answered = false;
      connection.wire.up(() => {
        if (connection.atBroker === 'closed') return;
        connection.heardAtMs = scheduler.nowMs();
        connection.wire.down(() => (answered = true), 'control');
      }, 'control');
      life.after(PING_DEADLINE_MS, 'ping', () => {
        if (!answered) loseAtDevice(connection, 'Keepalive timeout');
      });
      life.after(KEEPALIVE_MS, 'keepalive', ping);
    };
    life.after(KEEPALIVE_MS, 'keepalive', ping);
  }

  function watchFromBroker(connection: Connection): void {
    const watch = () => {
      if (connection.atBroker === 'closed') return;
      const isSilent = scheduler.nowMs() - connection.heardAtMs > 1.5 * KEEPALIVE_MS;
      if (isSilent) closeAtBroker(connection, 'keepalive', true);
      else scheduler.at(scheduler.nowMs() + 1.5 * KEEPALIVE_MS, 'broker watch', watch);
    };
    scheduler.at(scheduler.nowMs() + 1.5 * KEEPALIVE_MS, 'broker watch', watch);
  }

  function connectionOf(connection: Connection, life: Life) {
    const { device, wire } = connection;
    return {
      publish(channel: DeviceChannel, payload: Uint8Array): Promise<void> {
        life.step();
        if (connection.atDevice === 'closed') return Promise.reject(new Error('the connection is closed'));
        return new Promise<void>((resolve, reject) => {
          const cancel = life.after(PUBLISH_DEADLINE_MS, 'publish deadline', () =>
            reject(new Error('publishing took too long')),
          );
          const acknowledged = () =>
            life.after(0, 'published', () => {
              if (connection.atDevice === 'closed') return;
              cancel();
              resolve();
            });
          wire.up((arrived) => {
            if (connection.atBroker === 'closed') return;
            connection.heardAtMs = scheduler.nowMs();
            if (arrived) giveToHub(device, channel, payload);
            wire.down(acknowledged, 'control');
          }, 'message');
        });
      },
      async close(polite: boolean): Promise<void> {
        if (connection.atDevice === 'closed') return;
        connection.atDevice = 'closed';
        life.step();
        if (polite) {
          wire.up(() => {
            if (connection.atBroker === 'open') giveToHub(device, 'gone', connection.gone);
          }, 'control');
        }
        wire.up(() => closeAtBroker(connection, 'closed', !polite), 'control');
        await life.pause(wire.latencyMs(), 'close');
      },
    };
  }

  return {
    wire: wireOf,
    linkOf: (device, life) => ({
      connect: ({ gone, receive, lost }) => {
        life.step();
        const wire = wireOf(device);
        return new Promise((resolve, reject) => {
          let isLate = false;
          const cancel = life.after(CONNECT_DEADLINE_MS, 'connect deadline', () => {
            isLate = true;
            reject(new Error('connecting to the broker took too long'));
          });
          const inLife = (label: string, work: () => void) => life.after(0, label, work);
          const refuse = () =>
            inLife('refused', () => {
              cancel();
              reject(new Error('connect ECONNREFUSED'));
            });
          const accept = (connection: Connection) => {
            if (isLate || life.isOver())
              return wire.up(() => closeAtBroker(connection, 'closed', true), 'control');
            return inLife('connected', () => {
              cancel();
              keepAlive(connection, life);
              resolve(connectionOf(connection, life));
            });
          };
          wire.open();
          wire.up(() => {
            if (!isUp) return wire.down(refuse, 'control');
            // The same client again: the broker ends the older connection, and publishes its will.
            const older = connections.get(device);
            if (older !== undefined) {
              count('takeover');
              closeAtBroker(older, 'taken over', false);
              // A broker tells of the older one's end when it comes to that, and the new one may have spoken by then.
              scheduler.at(scheduler.nowMs() + random.between(0, LATEST_WILL_MS), 'a late will', () =>
                giveToHub(device, 'gone', older.gone),
              );
            }
            const connection: Connection = {
              device,
              wire,
              sinceMs: scheduler.nowMs(),
              gone,
              atDevice: 'open',
              atBroker: 'open',
              heardAtMs: scheduler.nowMs(),
              receive: (channel, payload) =>
                inLife(`${device} ${channel}`, () => {
                  if (connection.atDevice === 'closed') return;
                  carried(device, channel, payload);
                  receive(channel, payload);
                }),
              lost: (reason) => inLife(`${device} lost`, () => lost(reason)),
            };
            connections.set(device, connection);
            watchFromBroker(connection);
            wire.down(() => accept(connection), 'control');
          }, 'control');
        });
      },
    }),
    brokerOf: (life) => ({
      async start(receive) {
        life.step();
        await life.pause(5, 'broker start');
        hub = { life, receive };
        return { address: 'broker:1883' };
      },
      async publish(device, channel, payload) {
        life.step();
        const connection = connections.get(device);
        if (isUp && connection !== undefined) {
          connection.wire.down((arrived) => {
            if (arrived && connection.atBroker === 'open' && connection.atDevice === 'open')
              connection.receive(channel, payload);
          }, 'message');
          connection.wire.published(channel, () => closeAtBroker(connection, 'cut', true));
        }
        await life.pause(1, 'broker publish');
        if (!isUp) throw new Error('the broker is not there');
      },
      async stop() {
        if (hub?.life === life) hub = undefined;
        await life.pause(1, 'broker stop');
      },
    }),
    abandon(device, polite) {
      const connection = connections.get(device);
      if (connection === undefined) return;
      connection.atDevice = 'closed';
      if (polite) connection.wire.up(() => closeAtBroker(connection, 'closed', true), 'control');
    },
    stopBroker() {
      isUp = false;
      for (const connection of connections.values()) closeAtBroker(connection, 'the broker ended', false);
      connections.clear();
    },
    startBroker() {
      isUp = true;
    },
    cut(device) {
      const connection = connections.get(device);
      if (connection !== undefined) closeAtBroker(connection, 'cut', true);
    },
    connectedSinceMs(device) {
      const connection = connections.get(device);
      return connection?.atBroker === 'open' && connection.atDevice === 'open'
        ? connection.sinceMs
        : undefined;
    },
  };
}
