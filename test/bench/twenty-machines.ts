import { setTimeout as sleep } from 'node:timers/promises';
import { compileIdleMachine } from '../e2e/idle-machine.ts';
import { processesNaming } from '../tools/processes.ts';
import { waitFor } from '../tools/wait-for.ts';
import { measureAdoption } from './adoption.ts';
import type { BenchWorld, OpenWorlds } from './bench-world.ts';
import { DEVICE, withBenchWorld } from './bench-world.ts';
import type { Figure, Report } from './figure.ts';
import { formatMebibytes } from './figure.ts';
import { readCpuMs } from './fleet/process-usage.ts';
import type { WatchedMemory } from './resident-memory.ts';
import { watchMemory } from './resident-memory.ts';

const MACHINES = 20;
const START_LIMIT_MS = 300_000;
const IDLE_MS = 60_000;

/** What twenty machines that do nothing cost beside their QEMUs: the agent's memory and processor time. */
export function createTwentyMachinesFigure(open: OpenWorlds): Figure {
  return {
    name: 'twenty-machines',
    prose: 'what an agent costs with twenty idle machines',
    measure: async (report) =>
      withBenchWorld(open, async (bench) => {
        await warmUp(bench);
        const without = await measureAgent(bench, report, 0);
        await startMachines(bench, report);
        const withThem = await measureAgent(bench, report, MACHINES);
        const added = (withThem.totalBytes - without.totalBytes) / MACHINES;
        report.row(
          "memory per machine beside its QEMU's",
          formatMebibytes(added),
          `the agent's RSS with ${MACHINES} machines less that with none, divided; ${countOthers(bench)} further processes`,
        );
        await measureIdling(bench, report);
        await measureAdoption(bench, report);
      }),
  };
}

/** The first agent of a checkout has the compiler in memory, and leaves what it compiled to those after it. */
async function warmUp({ world, startAgent, untilQuiet }: BenchWorld): Promise<void> {
  startAgent();
  await untilQuiet();
  await world.end(DEVICE);
  startAgent();
  await untilQuiet();
}

async function measureAgent({ world }: BenchWorld, report: Report, machines: number): Promise<WatchedMemory> {
  report.progress(`${machines} idle machines: waiting until the agent's memory settles`);
  const [agent] = await watchMemory([world.service(DEVICE)?.pid ?? 0]);
  if (agent === undefined) throw new Error('the agent is not there');
  const note = `${formatMebibytes(agent.privateBytes)} of it private (RssAnon)${agent.settled ? '' : '; not settled'}`;
  report.row(`agent RSS, ${machines} idle machines`, formatMebibytes(agent.totalBytes), note);
  return agent;
}

async function startMachines({ world, kubectl, untilQuiet }: BenchWorld, report: Report): Promise<void> {
  report.progress(`starting ${MACHINES} idle machines`);
  const names = Array.from({ length: MACHINES }, (_, index) => `idle-${index + 1}`);
  const manifests = names.map((name) => JSON.stringify(compileIdleMachine(name, DEVICE)));
  await kubectl(['apply', '-f', '-'], manifests.join('\n---\n'));
  await waitFor(`${MACHINES} machines`, () => world.qemus(DEVICE).length === MACHINES, START_LIMIT_MS);
  await untilQuiet();
}

/** Processes other than QEMUs that run for the box's machines (a TPM's, a DHCP server): there should be none. */
function countOthers({ world }: BenchWorld): number {
  const folder = world.agentDir(DEVICE);
  const naming = processesNaming(folder).filter((command) => !/^\S*\bnode /.test(command));
  return naming.length - world.qemus(DEVICE).length;
}

/** The part of a core that the agent takes while nothing happens. */
async function measureIdling({ world, untilQuiet }: BenchWorld, report: Report): Promise<void> {
  await untilQuiet();
  report.progress(`${MACHINES} idle machines: the agent's processor time over ${IDLE_MS / 1000} s`);
  const pid = world.service(DEVICE)?.pid ?? 0;
  const [cpuBeforeMs, startedAtMs] = [readCpuMs(pid), performance.now()];
  await sleep(IDLE_MS);
  const cpuMs = readCpuMs(pid) - cpuBeforeMs;
  const part = (100 * cpuMs) / (performance.now() - startedAtMs);
  report.row(
    `agent CPU, ${MACHINES} idle machines`,
    `${part.toFixed(2)} % of a core`,
    `over ${IDLE_MS / 1000} s`,
  );
}
