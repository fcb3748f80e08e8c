import { join } from 'node:path';
import type { RunRecord } from '../../agent/ports.ts';
import { LOCK_FILE } from '../../agent/qemu/launch.ts';
import { readRecord } from '../../agent/qemu/record.ts';
import { runTool } from '../../agent/qemu/tool.ts';
import { waitFor } from '../tools/wait-for.ts';
import { parseLog } from './agent-log.ts';
import type { BenchWorld, OpenWorlds } from './bench-world.ts';
import { DEVICE, withBenchWorld } from './bench-world.ts';
import type { DesiredRelay } from './desired-relay.ts';
import { createDesiredRelay } from './desired-relay.ts';
import type { Figure, Report } from './figure.ts';
import { formatMs, formatRange, median } from './figure.ts';
import { prepareDomain } from './libvirt-domain.ts';
import type { Libvirt } from './libvirt.ts';
import { explainMissingLibvirt, startLibvirt } from './libvirt.ts';
import { accountOf, startByHand } from './start-by-hand.ts';

const REPETITIONS = 15;
const MACHINE = 'started';

/** The times of one start by the agent, milliseconds from the desired document's arrival. */
interface AgentStart {
  readonly storedMs: number;
  readonly runningMs: number;
}

/**
 * Starts of the same machine by the agent and by hand, and of one like it by libvirt, in turn, so that all meet the
 * same moods of the box.
 */
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
          const missing = explainMissingLibvirt();
          if (missing !== undefined) report.progress(`starts by virsh are left out: ${missing}`);
          const libvirt = missing === undefined ? await startLibvirt(bench.world.folder, open) : undefined;
          try {
            await compareStarts(bench, relay, libvirt, report);
          } finally {
            await libvirt?.close();
          }
        } finally {
          await bench.world.end(DEVICE, 'SIGKILL');
          await relay.close();
        }
      }),
  };
}

async function compareStarts(
  bench: BenchWorld,
  relay: DesiredRelay,
  libvirt: Libvirt | undefined,
  report: Report,
): Promise<void> {
  const { world } = bench;
  await bench.createMachine(MACHINE);
  await bench.untilState(MACHINE, 'Running');
  const [qemu] = world.qemus(DEVICE);
  const account = accountOf(qemu?.pid ?? 0);
  const folder = join(world.agentDir(DEVICE), 'machines', qemu?.uid ?? '');

  await libvirt?.define(await prepareDomain(libvirt.folder, join(folder, 'seed.iso')));

  const byAgent: AgentStart[] = [];
  const byHand: number[] = [];
  const byVirsh: number[] = [];
  for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
    await halt(bench, folder);
    byHand.push(await startByHand(folder, await readNewestRecord(folder), account));
    if (libvirt !== undefined) byVirsh.push(await libvirt.start());
    const start = await startByAgent(bench, relay);
    byAgent.push(start);
    const times = [`${formatMs(start.runningMs)} by the agent`, `${formatMs(byHand.at(-1) ?? 0)} by hand`];
    if (libvirt !== undefined) times.push(`${formatMs(byVirsh.at(-1) ?? 0)} by virsh`);
    report.progress(`start ${repetition} of ${REPETITIONS}: ${times.join(', ')}`);
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
  reportRatio(report, 'by hand', running, byHand);
  if (libvirt === undefined) return;
  report.row('virsh start of an equal libvirt domain', formatMs(median(byVirsh)), note(byVirsh));
  reportRatio(report, 'virsh', running, byVirsh);
}

/** How much longer the agent takes than `others`, which were started in turn with it. */
function reportRatio(
  report: Report,
  name: string,
  running: readonly number[],
  others: readonly number[],
): void {
  const ratios = running.map((durationMs, index) => durationMs / (others[index] ?? NaN));
  const spread = formatRange(ratios, (ratio) => ratio.toFixed(2));
  const ratio = (median(running) / median(others)).toFixed(2);
  report.row(`ratio, agent to ${name}`, ratio, `of the medians; of the pairs ${spread}`);
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
async function halt(bench: BenchWorld, folder: string): Promise<void> {
  await setRunStrategy(bench, 'Halted');
  await bench.untilState(MACHINE, 'Stopped');
  await waitFor('the end of QEMU', () => bench.world.qemus(DEVICE).length === 0);
  // A process that ends has no command line any more before it lets go of its files.
  await runTool('flock', ['--timeout', '20', join(folder, LOCK_FILE), 'true']);
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
