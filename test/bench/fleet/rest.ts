import { setTimeout as sleep } from 'node:timers/promises';
import { formatMebibytes } from '../figure.ts';
import { readResidentMemory } from '../resident-memory.ts';
import type { FleetFigure } from './fleet-figure.ts';
import { readCpuMs } from './process-usage.ts';

/** The hub looks at everything anew every five minutes, and the window has one of those in it. */
const WINDOW_MS = 310_000;

/** What the hub takes while all devices are connected and nothing happens. */
export const restFigure: FleetFigure = {
  name: 'rest',
  prose: 'the hub at rest',
  async measure(world, report) {
    const { hub, devices } = world;
    const startedAtMs = performance.now();
    const beforeMs = readCpuMs(hub.pid);
    await sleep(WINDOW_MS);
    const cpuMs = readCpuMs(hub.pid) - beforeMs;
    const { totalBytes, privateBytes } = readResidentMemory(hub.pid);
    const share = (100 * cpuMs) / (performance.now() - startedAtMs);
    report.progress(`at rest: ${share.toFixed(1)} % of a core, ${formatMebibytes(totalBytes)}`);
    report.row({
      figure: 'hub at rest: RSS',
      devices,
      amount: totalBytes / 2 ** 20,
      unit: 'MiB',
      goal: '954 (1 GB at 10,000)',
      floor: '20 KB a plain connection, 65 to 72 KB with TLS',
      note: `${formatMebibytes(privateBytes)} of it private`,
    });
    report.row({
      figure: 'hub at rest: CPU',
      devices,
      amount: share,
      unit: '% of a core',
      note: `over ${WINDOW_MS / 1000} s, one look at everything included`,
    });
  },
};
