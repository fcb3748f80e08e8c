import { formatMs } from '../figure.ts';
import { startCpuShare } from './cpu-share.ts';
import type { FleetFigure } from './fleet-figure.ts';
import { quantile } from './quantile.ts';

const EVENTS = 100_000;
/** What the others say meanwhile: little, so that its delay is the backlog's doing. */
const OTHERS = { ratePerSecond: 200, durationMs: 10_000 };
const MOST_OTHERS = 200;
const LIMIT_MS = 900_000;

/** One device comes back with all that it could not say for a week, while others go on as ever. */
export const backlogFigure: FleetFigure = {
  name: 'backlog',
  prose: `a backlog of ${EVENTS} events from one device`,
  async measure(world, report) {
    const { agents, hub, devices, names } = world;
    const [name = '', ...others] = names;
    const load = { ...OTHERS, names: others.slice(0, MOST_OTHERS), limitMs: LIMIT_MS };
    await agents.ask('clear');
    const before = await agents.ask('load', load);
    await agents.ask('fill', { name, events: EVENTS });

    await agents.ask('clear');
    const readCpu = startCpuShare({ hub: hub.pid, agents: agents.pid });
    const draining = agents.ask('drain', { name, events: EVENTS, limitMs: LIMIT_MS });
    const meanwhile = await agents.ask('load', load);
    const { tookMs } = await draining;
    const cpu = readCpu();
    report.progress(`backlog: ${EVENTS} events drained in ${formatMs(tookMs)}; ${cpu}`);
    report.row({
      figure: `backlog of ${EVENTS} events: drained`,
      devices,
      amount: tookMs / 1000,
      unit: 's',
      goal: '30',
      floor: '0.55 s to write them in batches of 100',
      note: `from the connect on; ${cpu}`,
    });
    for (const [when, { reportMs }] of Object.entries({ before, meanwhile })) {
      report.row({
        figure: `backlog: p99 of other devices, ${when}`,
        devices,
        amount: quantile(reportMs, 0.99),
        unit: 'ms',
        ...(when === 'meanwhile' && { goal: 'as before' }),
        note: `${load.names.length} others with ${OTHERS.ratePerSecond} events a second in all; last ${formatMs(quantile(reportMs, 1))}`,
      });
    }
    await world.untilQuiet();
  },
};
