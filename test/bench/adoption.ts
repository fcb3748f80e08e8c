import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../tools/wait-for.ts';
import type { BenchWorld } from './bench-world.ts';
import { DEVICE } from './bench-world.ts';
import type { Report } from './figure.ts';
import { formatMs, formatRange, median } from './figure.ts';
import { isMonitorHeld } from './monitor-connection.ts';

const REPETITIONS = 7;
const POLL_MS = 10;
const LIMIT_MS = 60_000;

interface Adoption {
  /** What Node alone takes to start and end, beside this adoption. */
  readonly nodeMs: number;
  /** From the agent's spawn until `holdfast status` would be answered. */
  readonly answeredMs: number;
  /** From the agent's spawn until every machine is its own again. */
  readonly adoptedMs: number;
}

/** How long an agent that was killed takes to have its running machines back. */
export async function measureAdoption(bench: BenchWorld, report: Report): Promise<void> {
  const adoptions: Adoption[] = [];
  for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
    const adoption = await adoptOnce(bench);
    adoptions.push(adoption);
    report.progress(`adoption ${repetition} of ${REPETITIONS}: ${formatMs(adoption.adoptedMs)}`);
    await bench.untilQuiet();
  }
  const count = bench.world.qemus(DEVICE).length;
  const answered = adoptions.map(({ answeredMs }) => answeredMs);
  const adopted = adoptions.map(({ adoptedMs }) => adoptedMs);
  const note = (values: readonly number[]) =>
    `median of ${REPETITIONS}, ${formatRange(values, formatMs)}; from spawn, after kill -9`;
  const nodeMs = median(adoptions.map((each) => each.nodeMs));
  report.row("agent start to its socket's answer", formatMs(median(answered)), note(answered));
  report.row(`agent start to ${count} machines adopted`, formatMs(median(adopted)), note(adopted));
  const ratio = (median(adopted) / nodeMs).toFixed(1);
  report.row(
    'ratio, adoption to a start of Node alone',
    ratio,
    `of the medians; Node alone takes ${formatMs(nodeMs)}`,
  );
}

/**
 * Until the first tick the status is what the store remembers, pids included. So a machine counts as adopted only
 * when its monitor is held again too, which the agent does once it trusts the process.
 */
async function adoptOnce({ world, door, startAgent }: BenchWorld): Promise<Adoption> {
  const before = world.qemus(DEVICE);
  await world.end(DEVICE, 'SIGKILL');
  await waitFor('the end of the monitors', () => !before.some(({ pid }) => isMonitorHeld(pid)));

  const nodeMs = await startNode();
  const startedAtMs = performance.now();
  startAgent();
  let answeredMs: number | undefined;
  let waiting = before;
  while (performance.now() - startedAtMs < LIMIT_MS) {
    const status = await door.status().catch(() => undefined);
    if (status !== undefined) answeredMs ??= performance.now() - startedAtMs;
    waiting = waiting.filter(({ pid }) => !isMonitorHeld(pid));
    const running = new Map(
      status?.machines.filter(({ phase }) => phase === 'Running').map(({ uid, pid }) => [uid, pid]),
    );
    const isSame = before.every(({ uid, pid }) => running.get(uid) === pid);
    if (answeredMs !== undefined && waiting.length === 0 && isSame) {
      return { nodeMs, answeredMs, adoptedMs: performance.now() - startedAtMs };
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${waiting.length} of ${before.length} machines were not adopted in ${LIMIT_MS / 1000} s`);
}

async function startNode(): Promise<number> {
  const startedAtMs = performance.now();
  await once(spawn(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAtMs;
}
