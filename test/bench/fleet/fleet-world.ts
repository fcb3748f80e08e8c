import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenWorlds } from '../bench-world.ts';
import type { AgentsCalls } from './agents-process.ts';
import type { Remote } from './calls.ts';
import { startRemote } from './calls.ts';
import type { BrokerChoice } from './fleet-broker.ts';
import { createFleetBroker } from './fleet-broker.ts';
import type { HubCalls } from './hub-process.ts';
import { readCpuMs } from './process-usage.ts';

/** A hub and many devices, each side a process of its own; `close` ends both. */
export type FleetWorld = Awaited<ReturnType<typeof createFleetWorld>>;

export const DOCUMENT_BYTES = 8 * 1024;
/** The default of the agent. */
export const KEEPALIVE_SECONDS = 240;
const CONNECT_LIMIT_MS = 600_000;

/** A process that takes less than this part of a core has nothing left to do. */
const QUIET_SHARE = 0.03;
const QUIET_WINDOW_MS = 1_000;
const QUIET_LIMIT_MS = 600_000;

export async function createFleetWorld(devices: number, choice: BrokerChoice, open: OpenWorlds) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-fleet-'));
  const dataDir = join(folder, 'hub');
  const agents = startRemote<AgentsCalls>(
    join(import.meta.dirname, 'agents-process.ts'),
    join(folder, 'agents.log'),
  );
  let hub: Remote<HubCalls> | undefined;
  const broker = await createFleetBroker(choice, folder);
  await broker.start();
  const names = Array.from({ length: devices }, (_, index) => `shop-${index + 1}`);

  const world = {
    devices,
    names,
    agents,
    folder,
    /** The hub's store. */
    file: join(dataDir, 'hub.db'),
    tls: choice.tls,
    broker,
    get hub() {
      if (hub === undefined) throw new Error('the hub was not started');
      return hub;
    },
    /** Starts the hub, where it was before; the result is when it was there, in milliseconds since 1970. */
    async startHub() {
      hub = startRemote<HubCalls>(join(import.meta.dirname, 'hub-process.ts'), join(folder, 'hub.log'));
      return hub.ask('start', { dataDir, apiListen: '127.0.0.1:0', ...broker.flags });
    },

    /** Ends the hub and its broker at once, as a power cut would, and starts them again. */
    async restart() {
      await world.hub.end('SIGKILL');
      await broker.end();
      await broker.start();
      return world.startHub();
    },

    /** Waits until neither side has anything left to do. */
    async untilQuiet() {
      const pids = [world.hub.pid, agents.pid];
      const untilMs = Date.now() + QUIET_LIMIT_MS;
      for (;;) {
        const before = pids.map(readCpuMs);
        await sleep(QUIET_WINDOW_MS);
        const shares = pids.map((pid, index) => (readCpuMs(pid) - (before[index] ?? 0)) / QUIET_WINDOW_MS);
        if (shares.every((share) => share <= QUIET_SHARE)) return;
        if (Date.now() > untilMs) throw new Error('the hub or the agents did not come to rest');
      }
    },

    /** Connects all devices for the first time; the result is how long that took. */
    async connectAll() {
      const access = { url: broker.url, authority: broker.authority };
      return agents.ask('connect', {
        names,
        access,
        keepaliveSeconds: KEEPALIVE_SECONDS,
        limitMs: CONNECT_LIMIT_MS,
      });
    },

    async close() {
      await agents.end('SIGKILL');
      await hub?.end('SIGKILL');
      await broker.end();
      rmSync(folder, { recursive: true, force: true });
      open.delete(world);
    },
  };
  open.add(world);
  return world;
}
