import { restartDelayMs } from '../../shared/base/backoff.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import { formatSeconds } from '../../shared/base/time.ts';
import type { CompiledDisk, CompiledMachine, ImageSource } from '../machine/compile.ts';
import { sourceKey } from '../machine/compile.ts';
import { keptDisks } from '../machine/disk.ts';
import type { ImageStatus, ReadyImage } from '../ports.ts';
import type { MachineMemory, RunMemory } from './memory.ts';
import type { Action, Draft, Situation } from './plan.ts';

/** Progress is told in steps of this many per cent, so that a download is not a stream of reports. */
const PROGRESS_STEP = 5;

/** The next step of starting a machine that has no process: wait, fetch its images, or start. */
export function planStart(situation: Situation, memory: MachineMemory, compiled: CompiledMachine): Draft {
  const { box, nowMs, observed } = situation;
  const none = { memory, actions: [] };
  if (memory.nextStartAtMs !== undefined && nowMs < memory.nextStartAtMs) {
    return waitForBackoff(situation, memory, memory.nextStartAtMs);
  }
  const missing = keptDisks(compiled).find(
    (name) => memory.disks?.includes(name) === true && observed?.disks.includes(name) !== true,
  );
  if (missing !== undefined) {
    const message = `the disk of data volume ${missing} was there and is gone (is its file system mounted?): it is not made anew`;
    return { ...none, state: 'Refused', reason: 'DiskMissing', message, warning: true };
  }
  if (box.accelerator === undefined) {
    const message = box.acceleratorReason;
    return box.probing
      ? { ...none, state: 'Starting', reason: 'FindingAccelerator', message }
      : { ...none, state: 'Refused', reason: 'NoAccelerator', message, warning: true };
  }
  const gathered = gatherImages(situation, memory, compiled.disks);
  if ('state' in gathered) return gathered;
  const { images } = gathered;
  const run = nextRun(memory, observed?.record?.run);
  return {
    memory: { ...memory, run },
    actions: [{ kind: 'start', machine: compiled, run: run.number, accelerator: box.accelerator, images }],
    state: 'Starting',
    reason: 'Starting',
    message: `QEMU is being started with ${box.accelerator}`,
  };
}

/** The images that these disks are now made from, by `sourceKey`; or what to do first about one that is not there. */
export function gatherImages(
  situation: Situation,
  memory: MachineMemory,
  disks: readonly CompiledDisk[],
): { readonly images: ReadonlyMap<string, ReadyImage> } | Draft {
  const { observed } = situation;
  const images = new Map<string, ReadyImage>();
  for (const disk of disks) {
    if (disk.content.from !== 'image') continue;
    const { source, dataVolume } = disk.content;
    if (observed?.disks.includes(dataVolume) === true) continue;
    const status = situation.imageStatus(source);
    if (status.state !== 'ready') return provision(situation, memory, source, status);
    const key = sourceKey(source);
    // Without a checksum a kept image may be an old one: its server is asked once before a disk is made from it.
    if (source.sha256 === undefined && memory.askedImages?.includes(key) !== true) {
      return provision(situation, memory, source, { state: 'absent' });
    }
    images.set(key, status);
  }
  return { images };
}

function waitForBackoff({ nowMs, wallMs }: Situation, memory: MachineMemory, untilMs: number): Draft {
  const detail = memory.run?.ended?.detail ?? 'the last run failed';
  return {
    memory,
    actions: [],
    state: 'BackOff',
    reason: 'BackOff',
    message: `${detail}; the next try is at ${formatSeconds(wallMs + untilMs - nowMs)}`,
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
  const asked = { ...memory, askedImages: [...(memory.askedImages ?? []), sourceKey(source)] };
  switch (status.state) {
    case 'absent':
      return {
        ...draft,
        memory: asked,
        actions: [fetch],
        reason: 'FetchingImage',
        message: `fetching ${source.url}`,
      };
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
