import { formatSeconds } from '../../shared/base/time.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { imagesOf } from '../machine/images.ts';
import { keptDisks } from '../machine/disk.ts';
import { findLack } from '../machine/equipment.ts';
import type { MachineMemory, RunMemory } from './memory.ts';
import { forget } from './memory.ts';
import type { Draft, Situation } from './plan.ts';
import { awaitDisks } from './await-disks.ts';
import { gatherImages } from './plan-images.ts';

/** The next step of starting a machine that has no process: wait, fetch its images, or start. */
export function planStart(situation: Situation, memory: MachineMemory, compiled: CompiledMachine): Draft {
  const { box, nowMs, observed } = situation;
  const none = { memory, actions: [] };
  if (memory.nextStartAtMs !== undefined && nowMs < memory.nextStartAtMs) {
    return waitForNextStart(situation, memory, memory.nextStartAtMs);
  }
  const missing = keptDisks(compiled).find(
    (name) => memory.disks?.includes(name) === true && observed?.disks.includes(name) !== true,
  );
  if (missing !== undefined) {
    const message = `the disk of data volume ${missing} was there and is gone (is its file system mounted?): it is not made anew`;
    return { ...none, state: 'Refused', reason: 'DiskMissing', message, warning: true };
  }
  const awaited = awaitDisks(situation, memory, compiled.disks, 'the machine is started');
  if (awaited !== undefined) return awaited;
  const lack = findLack(compiled, box.equipment);
  if (lack !== undefined) return { ...none, state: 'Refused', ...lack, warning: true };
  if (box.accelerator === undefined) {
    const message = box.acceleratorReason;
    return box.probing
      ? { ...none, state: 'Starting', reason: 'FindingAccelerator', message }
      : { ...none, state: 'Refused', reason: 'NoAccelerator', message, warning: true };
  }
  const gathered = gatherImages(situation, memory, imagesOf(compiled));
  if ('state' in gathered) return gathered;
  const run = nextRun(memory, observed?.record?.run);
  const { awaited: sought } = memory;
  return {
    // The next start asks again.
    memory: { ...forget(memory, 'askedImages'), run },
    actions: [
      {
        kind: 'start',
        machine: compiled,
        run: run.number,
        accelerator: box.accelerator,
        images: gathered.images,
      },
    ],
    // One that only looks whether what it waits for is there tells nothing new.
    ...(sought === undefined
      ? { state: 'Starting', reason: 'Starting', message: `QEMU is being started with ${box.accelerator}` }
      : { state: 'Provisioning', ...sought }),
  };
}

function waitForNextStart({ nowMs, wallMs }: Situation, memory: MachineMemory, untilMs: number): Draft {
  const { awaited } = memory;
  if (awaited !== undefined)
    return { memory, actions: [], state: 'Provisioning', ...awaited, warning: true, wakeAtMs: untilMs };
  const { detail = 'the last run failed', refused } = memory.run?.ended ?? {};
  const { failures } = memory;
  const times = failures > 1 ? `; ${failures} runs in a row ended too soon` : '';
  return {
    memory,
    actions: [],
    state: refused === undefined ? 'BackOff' : 'Refused',
    reason: refused ?? 'BackOff',
    message: `${detail}${times}; the next try is at ${formatSeconds(wallMs + untilMs - nowMs)}`,
    warning: true,
    wakeAtMs: untilMs,
  };
}

/** The run to start: the newest again where it was never launched, so that numbers count real starts. */
function nextRun(memory: MachineMemory, recorded: number | undefined): RunMemory {
  const { run } = memory;
  if (run !== undefined && run.ended === undefined) return { number: run.number };
  return { number: Math.max(run?.number ?? 0, recorded ?? 0) + 1 };
}
