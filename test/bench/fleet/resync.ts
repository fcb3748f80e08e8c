import { formatMs, formatRange, median } from '../figure.ts';
import { startCpuShare } from './cpu-share.ts';
import type { FleetFigure } from './fleet-figure.ts';
import type { FleetWorld } from './fleet-world.ts';
import { largest, quantile } from './quantile.ts';

const REPETITIONS = 3;
const LIMIT_MS = 600_000;

/** The hub is killed and started again: how long until every device has it back, and both know what they hold. */
export const resyncFigure: FleetFigure = {
  name: 'resync',
  prose: 'the hub killed and started again',
  async measure(world, report) {
    const runs: Run[] = [];
    for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
      const run = await restartOnce(world);
      runs.push(run);
      report.progress(
        `resync ${repetition} of ${REPETITIONS}: last of ${world.devices} after ${formatMs(run.lastMs)}; ${run.cpu}`,
      );
      await world.untilQuiet();
    }
    const lasts = runs.map(({ lastMs }) => lastMs);
    const common = { devices: world.devices, unit: 's' };
    const of = `median of ${REPETITIONS}`;
    const downMs = median(runs.map((run) => run.downMs));
    report.row({
      ...common,
      figure: 'resync: last device welcomed',
      amount: median(lasts) / 1000,
      goal: world.tls ? '30 (10,000 devices)' : '5 (10,000 devices)',
      floor: world.tls ? '12.5 s to connect 10,000' : '1.2 to 1.5 s to connect 10,000',
      note: `${of}, ${formatRange(lasts, formatMs)}; from the hub's listening, after kill -9 of it and its broker and ${formatMs(downMs)} down; ${runs.at(-1)?.cpu}`,
    });
    report.row({
      ...common,
      figure: 'resync: half of the devices',
      amount: median(runs.map(({ halfMs }) => halfMs)) / 1000,
      note: of,
    });
    report.row({
      figure: 'resync: connects that failed',
      devices: world.devices,
      amount: runs.reduce((sum, { failures }) => sum + failures, 0),
      unit: '',
      goal: '0',
      note: `in ${REPETITIONS} restarts, once the broker listened`,
    });
  },
};

interface Run {
  readonly downMs: number;
  readonly halfMs: number;
  readonly lastMs: number;
  readonly failures: number;
  readonly cpu: string;
}

async function restartOnce(world: FleetWorld): Promise<Run> {
  await world.agents.ask('clear');
  const downAtMs = Date.now();
  const listeningAtMs = await world.restart();
  const readCpu = startCpuShare({ hub: world.hub.pid, agents: world.agents.pid });
  const { upAtMs, failedAtMs } = await world.agents.ask('untilUp', { limitMs: LIMIT_MS });
  const since = upAtMs.map((atMs) => atMs - listeningAtMs);
  return {
    downMs: listeningAtMs - downAtMs,
    halfMs: quantile(since, 0.5),
    lastMs: largest(since),
    failures: failedAtMs.filter((atMs) => atMs > listeningAtMs).length,
    cpu: readCpu(),
  };
}
