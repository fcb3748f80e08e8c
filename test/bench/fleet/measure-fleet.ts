import { messageOf } from '../../../shared/base/errors.ts';
import { formatMs } from '../figure.ts';
import type { OpenWorlds } from '../bench-world.ts';
import { agentMemoryFigure } from './agent-memory.ts';
import { backlogFigure } from './backlog.ts';
import { changeFigure } from './change.ts';
import { startCpuShare } from './cpu-share.ts';
import type { BrokerChoice } from './fleet-broker.ts';
import type { FleetFigure, FleetReport, LoneFigure } from './fleet-figure.ts';
import type { FleetWorld } from './fleet-world.ts';
import { createFleetWorld, DOCUMENT_BYTES } from './fleet-world.ts';
import { frozenFigure } from './frozen.ts';
import { idleTrafficFigure } from './idle-traffic.ts';
import { outboxFigure } from './outbox.ts';
import { reportsFigure } from './reports.ts';
import { restFigure } from './rest.ts';
import { resyncFigure } from './resync.ts';

const HOLD_LIMIT_MS = 1_800_000;

/** In an order in which none leaves the next much to wait for. */
export const FLEET_FIGURES: readonly FleetFigure[] = [
  restFigure,
  changeFigure,
  resyncFigure,
  reportsFigure,
  backlogFigure,
  frozenFigure,
];
export const LONE_FIGURES: readonly LoneFigure[] = [outboxFigure, agentMemoryFigure, idleTrafficFigure];

export interface FleetChoice {
  readonly sizes: readonly number[];
  readonly broker: BrokerChoice;
  readonly isChosen: (name: string) => boolean;
  /** Worlds that are still there; an interrupted run has to close them. */
  readonly open: OpenWorlds;
}

/** Measures what is chosen; the result names what could not be measured. */
export async function measureFleet(
  { sizes, broker, isChosen, open }: FleetChoice,
  report: FleetReport,
): Promise<string[]> {
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>) => {
    report.progress(what);
    try {
      await work();
    } catch (error) {
      failures.push(`${what}: ${messageOf(error)}`);
      report.progress(`could not be measured: ${messageOf(error)}`);
    }
  };
  const figures = FLEET_FIGURES.filter(({ name }) => isChosen(name));
  for (const size of figures.length === 0 ? [] : sizes) {
    const world = await createFleetWorld(size, broker, open);
    await attempt(`${size} devices`, async () => {
      await prepare(world, report);
      for (const { prose, measure } of figures)
        await attempt(`${size} devices, ${prose}`, () => measure(world, report));
    });
    await world.close();
  }
  for (const { prose, measure } of LONE_FIGURES.filter(({ name }) => isChosen(name))) {
    await attempt(prose, () => measure(report, broker, open));
  }
  return failures;
}

/** Connects the fleet and gives each device its first document. */
async function prepare(world: FleetWorld, report: FleetReport): Promise<void> {
  const { agents, devices, names } = world;
  await world.startHub();
  const readCpu = startCpuShare({ hub: world.hub.pid, agents: agents.pid });
  const { tookMs } = await world.connectAll();
  const cpu = readCpu();
  report.progress(`${devices} devices connected for the first time in ${formatMs(tookMs)}; ${cpu}`);
  report.row({
    figure: 'first connect of all',
    devices,
    amount: tookMs / 1000,
    unit: 's',
    note: `300 in flight; ${cpu}`,
  });
  await world.untilQuiet();
  await agents.ask('clear');
  await world.hub.ask('changeMachines', { devices: names, documentBytes: DOCUMENT_BYTES });
  await agents.ask('untilHeld', { names, limitMs: HOLD_LIMIT_MS });
  await world.untilQuiet();
  report.progress(`each device holds a document of ${DOCUMENT_BYTES / 1024} KiB`);
}
