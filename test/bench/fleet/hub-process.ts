import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { createApi } from '../../../hub/api/api.ts';
import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import { createHub } from '../../../hub/hub.ts';
import type { Store } from '../../../hub/ports.ts';
import { createStore } from '../../../hub/store/store.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createLog } from '../../../shared/host/log.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { VERSION } from '../../../shared/version.ts';
import { serveCalls } from './calls.ts';
import type { MachineChange } from './fleet-machine.ts';
import { changeMachines } from './fleet-machine.ts';

/**
 * The hub as `holdfast hub` puts it together, in a process of its own, with a way in for what has no resource yet: a
 * change of the whole fleet.
 */
export type HubCalls = ReturnType<typeof createHubCalls>;

export interface HubStart {
  readonly dataDir: string;
  /** 0 picks a free one. */
  readonly mqttPort: number;
}

const EVENT_RETENTION_MS = 7 * 24 * 3_600_000;

function createHubCalls() {
  const clock = createClock();
  const random = createRandom();
  let store: Store | undefined;
  let profiler: Session | undefined;

  return {
    /** Resolves with the broker's address, and with when it began to listen. */
    async start({ dataDir, mqttPort }: HubStart) {
      mkdirSync(dataDir, { recursive: true });
      const log = createLog('warn', 'hub');
      store = await createStore(join(dataDir, 'hub.db'));
      const broker = createEmbeddedBroker({ host: '127.0.0.1', port: mqttPort }, log);
      const apiListen = { host: '127.0.0.1', port: 0 };
      const hub = createHub(
        { version: VERSION, apiListen, eventRetentionMs: EVENT_RETENTION_MS },
        { store, broker, serveApi: createApi, clock, random, log },
      );
      const { mqtt } = await hub.start();
      return { mqtt, listeningAtMs: Date.now() };
    },
    changeMachines: async (change: MachineChange) => {
      if (store === undefined) throw new Error('the hub was not started');
      return changeMachines(store, clock, change);
    },
    async startProfile() {
      profiler = new Session();
      profiler.connect();
      await profiler.post('Profiler.enable');
      await profiler.post('Profiler.start');
    },
    async stopProfile(path: string) {
      const result = await profiler?.post('Profiler.stop');
      profiler?.disconnect();
      writeFileSync(path, JSON.stringify(result?.profile));
    },
  };
}

serveCalls(createHubCalls());
