import { join } from 'node:path';
import type { RunRecord } from '../../agent/ports.ts';
import { readRecord } from '../../agent/qemu/record.ts';
import { waitFor } from '../tools/wait-for.ts';
import { parseLog } from './agent-log.ts';
import type { BenchWorld, OpenWorlds } from './bench-world.ts';
import { DEVICE, withBenchWorld } from './bench-world.ts';
import type { DesiredRelay } from './desired-relay.ts';
import { createDesiredRelay } from './desired-relay.ts';
import type { Figure, Report } from './figure.ts';
import { formatMs, formatRange, median } from './figure.ts';
import { accountOf, startByHand } from './start-by-hand.ts';

const REPETITIONS = 15;
const MACHINE = 'started';

/** The times of one start by the agent, milliseconds from the desired document's arrival. */
interface AgentStart {
  readonly storedMs: number;
  readonly runningMs: number;
}

/** Starts by the agent and by hand of the same machine, in turn, so that both meet the same moods of the box. */
export function createStartFigure(open: OpenWorlds): Figure {
  return {
    name: 'start',
    prose: 'from desired received to QEMU running',
    measure: async (report) =>
      withBenchWorld(open, async (bench) => {
        const relay = await createDesiredRelay(bench.broker);
        try {
          bench.startAgent(['--hub', relay.url]);
          await bench.untilQuiet();
          await compareStarts(bench, relay, report);
        } finally {
          await bench.world.end(DEVICE, 'SIGKILL');
          await relay.close();
        }
      }),
  };
}

async function compareStarts(bench: BenchWorld, relay: DesiredRelay, report: Report): Promise<void> {
  const { world } = bench;
  await bench.createMachine(MACHINE);
  await bench.untilState(MACHINE, 'Running');
  const [qemu] = world.qemus(DEVICE);
  const account = accountOf(qemu?.pid ?? 0);
  const folder = join(world.agentDir(DEVICE), 'machines', qemu?.uid ?? '');

  const byAgent: AgentStart[] = [];
  const byHand: number[] = [];
  for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
    await halt(bench);
    byHand.push(await startByHand(folder, await readNewestRecord(folder), account));
    const start = await startByAgent(bench, relay);
    byAgent.push(start);
    const times = `${formatMs(start.runningMs)} by the agent, ${formatMs(byHand.at(-1) ?? 0)} by hand`;
    report.progress(`start ${repetition} of ${REPETITIONS}: ${times}`);
  }

  const running = byAgent.map(({ runningMs }) => runningMs);
  const note = (values: readonly number[]) => `median of ${values.length}, ${formatRange(values, formatMs)}`;
  const stored = formatMs(median(byAgent.map(({ storedMs }) => storedMs)));
  report.row(
    'desired received to QEMU running, by the agent',
    formatMs(median(running)),
    `${note(running)}; ${stored} of it until the document is stored`,
  );
  report.row('the same QEMU command to running, by hand', formatMs(median(byHand)), note(byHand));
  const ratios = running.map((durationMs, index) => durationMs / (byHand[index] ?? NaN));
  report.row(
    'ratio, agent to by hand',
    (median(running) / median(byHand)).toFixed(2),
    `of the medians; of the pairs ${formatRange(ratios, (ratio) => ratio.toFixed(2))}`,
  );
}

async function readNewestRecord(folder: string): Promise<RunRecord> {
  const record = await readRecord(folder);
  if (record === undefined) throw new Error(`${folder} has no record of a run`);
  return record;
}

async function setRunStrategy({ kubectl }: BenchWorld, runStrategy: 'Always' | 'Halted'): Promise<void> {
  const patch = JSON.stringify({ spec: { runStrategy } });
  await kubectl(['patch', 'vm', MACHINE, '--type', 'merge', '-p', patch]);
}

/** Stops the machine; when this returns, the box has nothing more to do. */
async function halt(bench: BenchWorld): Promise<void> {
  await setRunStrategy(bench, 'Halted');
  await bench.untilState(MACHINE, 'Stopped');
  await waitFor('the end of QEMU', () => bench.world.qemus(DEVICE).length === 0);
  await bench.untilQuiet();
}

async function startByAgent(bench: BenchWorld, relay: DesiredRelay): Promise<AgentStart> {
  const log = () => parseLog(bench.world.service(DEVICE)?.log() ?? '');
  const before = log().length;
  await setRunStrategy(bench, 'Always');
  const { stored, started } = await waitFor('the start', () => {
    const lines = log().slice(before);
    const [first] = lines.filter(({ msg }) => msg === 'desired document stored');
    const last = lines.find(({ reason }) => reason === 'Started');
    return first !== undefined && last !== undefined && { stored: first, started: last };
  });
  const receivedAtMs = relay.passedAtMs();
  return { storedMs: stored.time - receivedAtMs, runningMs: started.time - receivedAtMs };
}
