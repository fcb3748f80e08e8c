import Database from 'better-sqlite3';
import { createMqttLink } from '../../../agent/link/mqtt-link.ts';
import type { Happening, Link, Store } from '../../../agent/ports.ts';
import { createStoreIn } from '../../../agent/store/store.ts';
import { createInbox } from '../../../agent/sync/inbox.ts';
import { createRequests } from '../../../agent/sync/requests.ts';
import { createSession } from '../../../agent/sync/session.ts';
import { tellAll } from '../../../agent/sync/tell-all.ts';
import { PROTOCOL } from '../../../shared/protocol/version.ts';
import type { MqttAccess } from '../../../shared/host/mqtt-client.ts';
import type { Clock, Log, Random } from '../../../shared/ports.ts';

/** What is looked at while a device does what it does; times are milliseconds since 1970. */
export interface DeviceWatch {
  link(isUp: boolean): void;
  connectFailed(reason: string): void;
  /** A part of a desired document came in. */
  desiredArrived(): void;
  /** A desired document is committed on the device. */
  desiredStored(): void;
  /** The hub has committed what the device said of holding its document. */
  desiredAcknowledged(): void;
  /** The hub has committed a report of what happened then. */
  reportAcknowledged(happenedAtMs: number): void;
}

/** Of the events that devices tell of here. */
export const REASON = 'Benched';

export interface FleetDevice {
  readonly store: Store;
  start(): void;
  /** Queues an event and says that there is something to send. */
  report(message: string): void;
  /** Ends the session, and keeps the store. */
  stop(): Promise<void>;
}

export interface FleetDeviceOptions {
  readonly name: string;
  readonly access: MqttAccess;
  readonly keepaliveSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly watch: DeviceWatch;
}

/** A device as far as its link goes: the real session, inbox, MQTT link and store, this one in memory. */
export function createFleetDevice(options: FleetDeviceOptions): FleetDevice {
  const { name, access, keepaliveSeconds, clock, random, log, watch } = options;
  const store = watchStore(createStoreIn(new Database(':memory:'), name, random), watch);
  const link = watchLink(createMqttLink(access, name, keepaliveSeconds, clock), watch);
  const happening = (): Happening => ({
    atMs: clock.now(),
    monotonicMs: clock.monotonic(),
    bootId: `boot of ${name}`,
  });
  const stored = () => {
    watch.desiredStored();
    session.wake();
  };
  const inbox = createInbox({ device: name, store, log, happening, stored });
  const requests = createRequests({
    store,
    clock,
    log,
    carryOut: () => 'nothing is done here',
    find: async () => ({}),
  });
  const create = () =>
    createSession({
      agentVersion: '0.1.0',
      protocol: PROTOCOL,
      box: { hostname: name, addresses: [] },
      store,
      link,
      inbox,
      requests,
      clock,
      random,
      log,
      happening,
      tellAll: () => tellAll(store, happening()),
    });
  let session = create();
  return {
    store,
    start() {
      session.start();
    },
    report(message) {
      store.appendEvent({ kind: 'event', type: 'Normal', reason: REASON, message }, happening());
      session.wake();
    },
    async stop() {
      await session.stop();
      session = create();
    },
  };
}

function watchLink(link: Link, watch: DeviceWatch): Link {
  return {
    async connect(options) {
      try {
        return await link.connect({
          ...options,
          receive(channel, payload) {
            if (channel === 'desired') watch.desiredArrived();
            options.receive(channel, payload);
          },
        });
      } catch (error) {
        watch.connectFailed(String(error));
        throw error;
      }
    },
  };
}

/** Remembers what is on its way, to tell of it when it is acknowledged. */
function watchStore(store: Store, watch: DeviceWatch): Store {
  const underWay: { sequence: number; happenedAtMs: number; isDesired: boolean }[] = [];
  return {
    ...store,
    saveLink(link) {
      store.saveLink(link);
      watch.link(link.up);
    },
    reportsAfter(sequence, maxBytes) {
      const reports = store.reportsAfter(sequence, maxBytes);
      const known = underWay.at(-1)?.sequence ?? 0;
      for (const { sequence: number, happenedAt, body } of reports) {
        if (number <= known) continue;
        const isDesired = (body as { kind: string }).kind === 'desired';
        underWay.push({ sequence: number, happenedAtMs: Date.parse(happenedAt), isDesired });
      }
      return reports;
    },
    acknowledge(sequence) {
      store.acknowledge(sequence);
      const beyond = underWay.findIndex((report) => report.sequence > sequence);
      for (const report of underWay.splice(0, beyond === -1 ? underWay.length : beyond)) {
        if (report.isDesired) watch.desiredAcknowledged();
        else watch.reportAcknowledged(report.happenedAtMs);
      }
    },
  };
}
