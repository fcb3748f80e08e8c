import { join } from 'node:path';
import { waitFor } from '../tools/wait-for.ts';
import { measureAdoption } from './adoption.ts';
import type { BenchWorld, OpenWorlds } from './bench-world.ts';
import { DEVICE, withBenchWorld } from './bench-world.ts';
import type { Figure, Report } from './figure.ts';
import { formatMebibytes, formatRange, median } from './figure.ts';
import { readResidentMemory, watchMemory } from './resident-memory.ts';
import { READY_LINE, compileSmallMachine, copyKernel } from './small-machine.ts';

const MACHINES = 10;
/** Ten guests that boot at once share the box's few cores. */
const BOOT_LIMIT_MS = 300_000;

/** Memory of an idle box without machines and with ten, and the adoption of the ten. */
export function createTenMachinesFigure(open: OpenWorlds): Figure {
  return {
    name: 'ten-machines',
    prose: 'memory and adoption with ten machines',
    measure: async (report) =>
      withBenchWorld(open, async (bench) => {
        const kernels = join(bench.world.folder, 'kernels');
        copyKernel(kernels);
        const flags = ['--local-images', kernels];
        bench.startAgent(flags);
        await bench.untilQuiet();
        await measureMemory(bench, report, 0);

        await bootMachines(bench, report, kernels);
        await measureMemory(bench, report, MACHINES);
        const machines = bench.world.qemus(DEVICE).map(({ pid }) => readResidentMemory(pid).totalBytes);
        const note = `median of ${MACHINES}, ${formatRange(machines, formatMebibytes)}; guests of 128 MiB, TCG`;
        report.row('QEMU RSS, one machine', formatMebibytes(median(machines)), note);

        await measureAdoption({ ...bench, startAgent: () => bench.startAgent(flags) }, report);
      }),
  };
}

async function measureMemory({ world }: BenchWorld, report: Report, machines: number): Promise<void> {
  report.progress(`${machines} machines: waiting until memory settles`);
  const pids = [DEVICE, 'hub'].map((name) => world.service(name)?.pid ?? 0);
  const [agent, hub] = await watchMemory(pids);
  for (const [name, memory] of Object.entries({ agent, hub })) {
    if (memory === undefined) continue;
    const range = formatRange([memory.lowestBytes, memory.highestBytes], formatMebibytes);
    const spread = memory.settled ? `settled at ${range}` : `not settled: ${range}`;
    const note = `${formatMebibytes(memory.privateBytes)} of it private (RssAnon); ${spread}`;
    report.row(`${name} RSS, idle, ${machines} machines`, formatMebibytes(memory.totalBytes), note);
  }
}

/** Creates the machines, and waits until each guest is up. */
async function bootMachines({ world, apply }: BenchWorld, report: Report, kernels: string): Promise<void> {
  for (let number = 1; number <= MACHINES; number += 1) {
    await apply(compileSmallMachine(`small-${number}`, DEVICE, kernels));
  }
  report.progress(`${MACHINES} machines: waiting until their guests are up`);
  await waitFor(
    `${MACHINES} guests`,
    () => {
      const up = world.qemus(DEVICE).filter(({ uid }) => world.console(DEVICE, uid).includes(READY_LINE));
      return up.length === MACHINES;
    },
    BOOT_LIMIT_MS,
  );
}
