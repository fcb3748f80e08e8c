import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../../../hub/ports.ts';
import type { DeviceChannel } from '../../../shared/protocol/topics.ts';

export interface Login {
  readonly username?: string;
  readonly password?: string;
}

/** What a broker is to these tests: a server, and the hub's end of it. */
export interface BrokerKind {
  /** Prepares a broker that is not running yet, in a folder of its own. */
  prepare(folder: string): Promise<PreparedBroker>;
}

export interface PreparedBroker {
  /** Where devices meet it: HOST:PORT, the same each time. */
  readonly address: string;
  /** Whether it runs, and ends, with the hub. */
  readonly isInHub: boolean;
  login(device: string): Login;
  /** The hub's end, new and not started. */
  createHub(): Broker;
  /** Resolves once it takes connections. */
  run(): Promise<void>;
  /** Ends it without warning. */
  kill(): Promise<void>;
  /** Ends what else it left running. */
  dispose(): Promise<void>;
}

export interface Heard {
  readonly device: string;
  readonly channel: DeviceChannel;
  readonly text: string;
}

export interface BrokerWorld {
  readonly broker: PreparedBroker;
  readonly url: string;
  readonly hub: Pick<Broker, 'publish'>;
  /** What came to the hub so far. */
  readonly heard: Heard[];
  /** `ready` and `lost`, as the hub was told. */
  readonly turns: string[];
  startHub(): Promise<void>;
  stopHub(): Promise<void>;
  close(): Promise<void>;
}

/** The devices that brokers with accounts know. */
export const DEVICES = ['edge-1', 'edge-2', 'neighbour'];
export const HUB_USER = 'holdfast_hub';
export const passwordOf = (user: string) => `secret of ${user}`;

type AnswerHello = (hub: Broker, device: string, payload: Uint8Array) => void;
const acknowledge: AnswerHello = (hub, device, payload) =>
  void hub.publish(device, 'ack', payload).catch(() => {});

/** A running broker with a hub, that answers each `hello` by an `ack` of the same payload, unless it is told how. */
export async function openWorld(kind: BrokerKind, answerHello = acknowledge): Promise<BrokerWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-broker-'));
  const broker = await kind.prepare(folder);
  const heard: Heard[] = [];
  const turns: string[] = [];
  let hub: Broker | undefined;

  const world: BrokerWorld = {
    broker,
    url: `mqtt://${broker.address}`,
    heard,
    turns,
    hub: {
      publish: async (device, channel, payload) => {
        if (hub === undefined) throw new Error('the hub is away');
        await hub.publish(device, channel, payload);
      },
    },
    async startHub() {
      const started = broker.createHub();
      hub = started;
      await new Promise<void>((resolve, reject) => {
        const receive = (device: string, channel: DeviceChannel, payload: Uint8Array) => {
          heard.push({ device, channel, text: Buffer.from(payload).toString() });
          if (channel === 'hello') answerHello(started, device, payload);
        };
        const watch = {
          ready: () => {
            turns.push('ready');
            resolve();
          },
          lost: () => void turns.push('lost'),
        };
        started.start(receive, watch).catch(reject);
      });
    },
    async stopHub() {
      await hub?.stop();
      hub = undefined;
    },
    async close() {
      await world.stopHub();
      await broker.kill();
      await broker.dispose();
      rmSync(folder, { recursive: true });
    },
  };
  try {
    await broker.run();
    await world.startHub();
  } catch (error) {
    await world.close();
    throw error;
  }
  return world;
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
