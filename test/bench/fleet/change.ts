import { formatMs, formatRange, median } from '../figure.ts';
import { startCpuShare } from './cpu-share.ts';
import type { FleetFigure } from './fleet-figure.ts';
import type { FleetWorld } from './fleet-world.ts';
import { DOCUMENT_BYTES } from './fleet-world.ts';
import { largest, quantile } from './quantile.ts';

const REPETITIONS = 3;
const LIMIT_MS = 600_000;

/** Every device's document changes at once: how long until they hold it. */
export const changeFigure: FleetFigure = {
  name: 'change',
  prose: "every device's document changed at once",
  async measure(world, report) {
    const runs: Change[] = [];
    for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
      const run = await changeOnce(world);
      runs.push(run);
      report.progress(
        `change ${repetition} of ${REPETITIONS}: acknowledged by the last of ${world.devices} after ${formatMs(largest(run.acknowledgedMs))}; ${run.cpu}`,
      );
      await world.untilQuiet();
    }
    const stages = [
      { stage: 'arrived', of: 'arrivedMs', goal: 'p99 1', floor: 'p99 0.35 s, sent alone' },
      { stage: 'committed on the device', of: 'storedMs' },
      { stage: 'acknowledged back', of: 'acknowledgedMs', goal: 'p99 5' },
    ] as const;
    for (const { stage, of, ...against } of stages) {
      const shares = { p50: 0.5, p99: 0.99, last: 1 };
      for (const [share, fraction] of Object.entries(shares)) {
        const values = runs.map((run) => quantile(run[of], fraction));
        const written = median(runs.map(({ writtenMs }) => writtenMs));
        report.row({
          figure: `change: ${stage}, ${share}`,
          devices: world.devices,
          amount: median(values) / 1000,
          unit: 's',
          ...(share === 'p99' && against),
          note:
            share === 'p50'
              ? `median of ${REPETITIONS}, ${formatRange(values, formatMs)}; from the change's start, its objects were committed after ${formatMs(written)}`
              : `median of ${REPETITIONS}, ${formatRange(values, formatMs)}`,
        });
      }
    }
  },
};

interface Change {
  readonly writtenMs: number;
  readonly arrivedMs: readonly number[];
  readonly storedMs: readonly number[];
  readonly acknowledgedMs: readonly number[];
  readonly cpu: string;
}

async function changeOnce({ agents, hub, names }: FleetWorld): Promise<Change> {
  await agents.ask('clear');
  const readCpu = startCpuShare({ hub: hub.pid, agents: agents.pid });
  const change = { devices: names, documentBytes: DOCUMENT_BYTES };
  const { startedAtMs, committedAtMs } = await hub.ask('changeMachines', change);
  const held = await agents.ask('untilHeld', { names, limitMs: LIMIT_MS });
  const since = (times: readonly number[]) => times.map((atMs) => atMs - startedAtMs);
  return {
    writtenMs: committedAtMs - startedAtMs,
    arrivedMs: since(held.arrivedAtMs),
    storedMs: since(held.storedAtMs),
    acknowledgedMs: since(held.acknowledgedAtMs),
    cpu: readCpu(),
  };
}
