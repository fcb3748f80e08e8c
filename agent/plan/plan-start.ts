import { restartDelayMs } from '../../shared/base/backoff.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import { formatTime } from '../../shared/base/time.ts';
import type { CompiledMachine, ImageSource } from '../machine/compile.ts';
import { sourceKey } from '../machine/compile.ts';
import type { ImageStatus, ReadyImage } from '../ports.ts';
import type { MachineMemory, RunMemory } from './memory.ts';
import type { Action, Draft, Situation } from './plan.ts';

/** Progress is told in steps of this many per cent, so that a download is not a stream of reports. */
const PROGRESS_STEP = 5;

/** The next step of starting a machine that has no process: wait, fetch its images, or start. */
export function planStart(situation: Situation, memory: MachineMemory, compiled: CompiledMachine): Draft {
  const { box, nowMs, observed } = situation;
  if (memory.nextStartAtMs !== undefined && nowMs < memory.nextStartAtMs)
    return waitForBackoff(memory, memory.nextStartAtMs);
  if (box.accelerator === undefined) {
    return {
      memory,
      actions: [],
      state: 'Refused',
      reason: 'NoAccelerator',
      message: box.acceleratorReason,
      warning: true,
    };
  }
  const images = new Map<string, ReadyImage>();
  for (const disk of compiled.disks) {
    if (disk.content.from !== 'image' || observed?.disks.includes(disk.name) === true) continue;
    const { source } = disk.content;
    const status = situation.imageStatus(source);
    if (status.state !== 'ready') return provision(situation, memory, source, status);
    images.set(sourceKey(source), status);
  }
  const run = nextRun(memory, observed?.record?.run);
  return {
    memory: { ...memory, run },
    actions: [{ kind: 'start', machine: compiled, run: run.number, accelerator: box.accelerator, images }],
    state: 'Starting',
    reason: 'Starting',
    message: `QEMU is being started with ${box.accelerator}`,
  };
}

function waitForBackoff(memory: MachineMemory, untilMs: number): Draft {
  const detail = memory.run?.ended?.detail ?? 'the last run failed';
  return {
    memory,
    actions: [],
    state: 'BackOff',
    reason: 'BackOff',
    message: `${detail}; the next try is at ${formatTime(untilMs)}`,
    warning: true,
    wakeAtMs: untilMs,
  };
}

function provision(
  situation: Situation,
  memory: MachineMemory,
  source: ImageSource,
  status: ImageStatus,
): Draft {
  const draft = { memory, state: 'Provisioning' as const };
  const fetch: Action = { kind: 'fetch-image', source };
  switch (status.state) {
    case 'absent':
      return { ...draft, actions: [fetch], reason: 'FetchingImage', message: `fetching ${source.url}` };
    case 'fetching':
      return {
        ...draft,
        actions: [],
        reason: 'FetchingImage',
        message: `fetching ${source.url}${progress(status)}`,
      };
    case 'failed': {
      const againAtMs = status.atMs + restartDelayMs(status.attempts, situation.jitter / 10);
      const due = situation.nowMs >= againAtMs;
      return {
        ...draft,
        actions: due ? [fetch] : [],
        reason: status.code,
        message: `${status.message}; tried ${status.attempts} times, and again until it works`,
        warning: true,
        ...(due ? {} : { wakeAtMs: againAtMs }),
      };
    }
    case 'ready':
      throw new Error('bug: a ready image has nothing to wait for');
  }
}

function progress({ bytes, totalBytes }: { readonly bytes: number; readonly totalBytes?: number }): string {
  if (totalBytes === undefined || totalBytes === 0) return '';
  const percent = Math.floor((100 * bytes) / totalBytes / PROGRESS_STEP) * PROGRESS_STEP;
  return `: ${percent} % of ${formatBytes(totalBytes)}`;
}

/** The run to start: the newest again where it was never launched, so that numbers count real starts. */
function nextRun(memory: MachineMemory, recorded: number | undefined): RunMemory {
  const { run } = memory;
  if (run !== undefined && run.ended === undefined) return { number: run.number };
  return { number: Math.max(run?.number ?? 0, recorded ?? 0) + 1 };
}
