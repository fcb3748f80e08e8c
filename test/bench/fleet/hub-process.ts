import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { createApi } from '../../../hub/api/api.ts';
import { anyoneIsAdmin } from '../../tools/admin.ts';
import { HUB_SETTINGS } from '../../../hub/config.ts';
import { createHub } from '../../../hub/hub.ts';
import { chooseBroker } from '../../../hub/main.ts';
import type { Store } from '../../../hub/ports.ts';
import { createStore } from '../../../hub/store/store.ts';
import { loadConfig } from '../../../shared/config/load.ts';
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

const HOUR_MS = 3_600_000;

function createHubCalls() {
  const clock = createClock();
  const random = createRandom();
  let store: Store | undefined;
  let profiler: Session | undefined;

  return {
    /** Starts the hub with settings; resolves with when it was there, in milliseconds since 1970. */
    async start(flags: Readonly<Record<string, string>>) {
      const config = loadConfig(HUB_SETTINGS, { flags, environment: {} });
      mkdirSync(config.dataDir, { recursive: true });
      const log = createLog('warn', 'hub');
      store = await createStore(join(config.dataDir, 'hub.db'));
      const hub = createHub(
        {
          version: VERSION,
          apiListen: config.apiListen,
          eventRetentionMs: config.eventRetentionHours * HOUR_MS,
          timelineRetentionMs: config.timelineRetentionHours * HOUR_MS,
        },
        {
          store,
          broker: chooseBroker(config, log),
          serveApi: createApi,
          authenticate: anyoneIsAdmin,
          clock,
          random,
          log,
        },
      );
      await hub.start();
      return Date.now();
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
