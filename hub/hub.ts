import type { Address } from '../shared/config/settings.ts';
import { KINDS } from '../shared/model/kinds.ts';
import type { Clock, Log, Random } from '../shared/ports.ts';
import { admitWrite } from './admit.ts';
import type { Api } from './api/api.ts';
import type { ApiOptions } from './api/context.ts';
import type { Authenticate } from './auth/user.ts';
import { createEventProjector } from './devices/event-projector.ts';
import { createPresence } from './devices/presence.ts';
import { createSessions } from './devices/sessions.ts';
import { createLinkFigures } from './link-figures.ts';
import type { Broker, BrokerWatch, Store, Tunnel } from './ports.ts';
import { createReconciler } from './reconcile/reconciler.ts';
import { createRetention } from './retention.ts';
import { warnWrite } from './warn.ts';

export interface HubPorts {
  readonly store: Store;
  readonly broker: Broker;
  /** Who asks the API. */
  readonly authenticate: Authenticate;
  /** Makes the API's server. */
  readonly serveApi: (options: ApiOptions) => Api;
  /** Without it no stream can be opened. */
  readonly tunnel?: Tunnel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface HubOptions {
  readonly version: string;
  readonly apiListen: Address;
  readonly eventRetentionMs: number;
  readonly timelineRetentionMs: number;
}

export interface Hub {
  /** Resolves with the addresses, as HOST:PORT, once both listeners answer. */
  start(): Promise<{ readonly api: string; readonly mqtt: string }>;
  stop(): Promise<void>;
}

/** Puts the hub together: the API and the devices write to the store, and the reconciler makes the rest follow. */
export function createHub(options: HubOptions, ports: HubPorts): Hub {
  const { version, apiListen, eventRetentionMs, timelineRetentionMs } = options;
  const { store, broker, tunnel, clock, random, log } = ports;
  let stopped = false;
  let linked = false;
  const figures = createLinkFigures();
  const reconciler = createReconciler({
    store,
    clock,
    random,
    log,
    publishDesired: (device) => sessions.publishDesired(device),
    askAll: (device) => sessions.askAll(device),
  });
  const presence = createPresence({
    store,
    clock,
    log,
    changed: (device) => reconciler.deviceChanged(device),
  });
  const sessions = createSessions({
    store,
    broker: {
      publish(device, channel, payload) {
        figures.published(channel, payload.byteLength);
        return broker.publish(device, channel, payload);
      },
    },
    presence,
    clock,
    random,
    log,
    heard: {
      device: (name) => reconciler.deviceChanged(name),
      machines: (name) => reconciler.machinesChanged(name),
      events: () => projector.wake(),
    },
  });
  const projector = createEventProjector({ store, clock, log });
  const retention = createRetention({ store, clock, log, eventRetentionMs, timelineRetentionMs });
  const api = ports.serveApi({
    store,
    kinds: KINDS,
    clock,
    random,
    log,
    version,
    askDevice: (device, body, options) => sessions.ask(device, body, options),
    admit: admitWrite,
    ...(tunnel !== undefined && { tunnel }),
    authenticate: ports.authenticate,
    checks: [
      {
        name: 'broker',
        of: 'readyz',
        check() {
          if (!linked) throw new Error('the broker is not there');
        },
      },
    ],
    figures: () => figures.read(presence.count()),
    warn: warnWrite,
  });

  /** The broker lives on without the hub, and so do devices' connections to it: they are asked for a hello. */
  const watch: BrokerWatch = {
    ready() {
      linked = true;
      presence.doubt('HubStarted');
      sessions.callRoll();
    },
    lost() {
      linked = false;
      presence.doubt('BrokerLost');
    },
  };

  return {
    async start() {
      const { address: apiAddress } = await api.listen(apiListen);
      await tunnel?.start(Number(new URL(`http://${apiAddress}`).port));
      await reconciler.start();
      projector.wake();
      const { address: mqtt } = await broker.start((device, channel, payload) => {
        figures.received(channel, payload.byteLength);
        // The wills that our own stop sets off say nothing of the devices.
        if (!stopped) sessions.receive(device, channel, payload);
      }, watch);
      retention.start();
      presence.start();
      return { api: apiAddress, mqtt };
    },
    async stop() {
      stopped = true;
      presence.stop();
      // Both at once: streams may come in where the API listens.
      await Promise.all([api.close(), tunnel?.close()]);
      await broker.stop();
      await sessions.settle();
      await projector.stop();
      await retention.stop();
      await reconciler.stop();
      await store.close();
    },
  };
}
