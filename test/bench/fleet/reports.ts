import { formatMs } from '../figure.ts';
import { countReports } from './count-reports.ts';
import { startCpuShare } from './cpu-share.ts';
import type { FleetFigure, FleetReport } from './fleet-figure.ts';
import type { FleetWorld } from './fleet-world.ts';
import { largest, quantile } from './quantile.ts';

const STEADY = { ratePerSecond: 5_000, durationMs: 30_000 };
const BURST = { ratePerSecond: 15_000, durationMs: 60_000 };
const LIMIT_MS = 600_000;

/** Events of all devices in turn, from committed on the device to committed at the hub and known on the device. */
export const reportsFigure: FleetFigure = {
  name: 'reports',
  prose: 'durable reports, steady and in a burst',
  async measure(world, report) {
    const steady = await loadOnce(world, STEADY, report);
    const common = { devices: world.devices };
    const note = `${steady.events} events, one in flight message a device; ${steady.cpu}`;
    report.row({
      ...common,
      figure: 'reports, steady: a second, end to end',
      amount: steady.perSecond,
      unit: '/s',
      goal: '5,000',
      floor: '26,800 from 1,000 clients, 18,800 from 10,000',
      note,
    });
    for (const [share, fraction] of Object.entries({ p50: 0.5, p99: 0.99, last: 1 })) {
      report.row({
        ...common,
        figure: `reports, steady: ${share}`,
        amount: quantile(steady.reportMs, fraction),
        unit: 'ms',
        ...(share === 'p99' && { goal: '50', floor: '10' }),
        note: 'from committed on the device until the device knows it committed at the hub',
      });
    }
    await world.untilQuiet();

    const burst = await loadOnce(world, BURST, report);
    const lost = burst.events - burst.taken;
    report.row({
      ...common,
      figure: 'reports, burst: a second, offered',
      amount: burst.offered,
      unit: '/s',
      goal: '15,000',
      note: `for ${BURST.durationMs / 1000} s; ${burst.cpu}`,
    });
    report.row({
      ...common,
      figure: 'reports, burst: a second, end to end',
      amount: burst.perSecond,
      unit: '/s',
      note: `all acknowledged ${formatMs(burst.drainedMs)} after the last was made`,
    });
    report.row({
      ...common,
      figure: 'reports, burst: p99',
      amount: quantile(burst.reportMs, 0.99),
      unit: 'ms',
      note: '',
    });
    report.row({
      ...common,
      figure: 'reports, burst: lost',
      amount: lost,
      unit: '',
      goal: '0',
      note: `of ${burst.events}, counted in the hub's file`,
    });
    report.row({
      ...common,
      figure: 'reports, burst: there twice',
      amount: burst.doubled,
      unit: '',
      goal: '0',
      note: "counted in the hub's file",
    });
    await world.untilQuiet();
  },
};

async function loadOnce(world: FleetWorld, load: typeof STEADY, report: FleetReport) {
  const { agents, hub } = world;
  await agents.ask('clear');
  const before = countReports(world.file);
  const readCpu = startCpuShare({ hub: hub.pid, agents: agents.pid });
  const { events, tookMs, drainedMs, reportMs } = await agents.ask('load', { ...load, limitMs: LIMIT_MS });
  const cpu = readCpu();
  const { reports, doubled } = countReports(world.file);
  const taken = reports - before.reports;
  const perSecond = (reportMs.length * 1000) / (tookMs + drainedMs);
  report.progress(
    `${load.ratePerSecond} events a second asked for: ${Math.round(perSecond)}, p99 ${formatMs(quantile(reportMs, 0.99))}, last ${formatMs(largest(reportMs))}; ${cpu}`,
  );
  return {
    events,
    doubled: doubled - before.doubled,
    drainedMs,
    reportMs,
    cpu,
    taken,
    perSecond,
    offered: (events * 1000) / tookMs,
  };
}
