import { restartDelayMs } from '../../shared/base/backoff.ts';
import { formatSeconds } from '../../shared/base/time.ts';
import type { MachineMemory } from './memory.ts';
import { forget } from './memory.ts';
import { gatherImages } from './plan-images.ts';
import type { Draft, Situation, Wanted } from './plan.ts';
import type { Settled } from './settle-run.ts';

/** What to do about a data volume of its own: it is filled once, and is then there for machines to use. */
export function planVolume(
  situation: Situation,
  memory: MachineMemory,
  { desired: { uid }, content }: Extract<Wanted, { kind: 'volume' }>,
): Draft {
  const { observed, nowMs, wallMs } = situation;
  const { dataVolume } = content;
  const none = { memory, actions: [] };
  if (observed?.disks.includes(dataVolume) === true) {
    const filled = forget(memory, 'askedImages', 'nextStartAtMs');
    return {
      ...none,
      memory: { ...filled, failures: 0 },
      state: 'Succeeded',
      reason: 'Filled',
      message: 'the disk is there',
    };
  }
  if (memory.disks?.includes(dataVolume) === true) {
    const message = `the disk of data volume ${dataVolume} was there and is gone (is its file system mounted?): it is not made anew`;
    return { ...none, state: 'Refused', reason: 'DiskMissing', message, warning: true };
  }
  const { nextStartAtMs } = memory;
  if (nextStartAtMs !== undefined && nowMs < nextStartAtMs) {
    const message = `the disk could not be made; the next try is at ${formatSeconds(wallMs + nextStartAtMs - nowMs)}`;
    return { ...none, state: 'Provisioning', reason: 'BackOff', message, wakeAtMs: nextStartAtMs };
  }
  const needed = content.from === 'image' ? [{ source: content.source, dataVolume }] : [];
  const gathered = gatherImages(situation, memory, needed);
  if ('state' in gathered) return gathered;
  return {
    ...none,
    actions: [{ kind: 'make-disk', uid, content, images: gathered.images }],
    state: 'Provisioning',
    reason: 'MakingDisk',
    message: 'the disk is being made',
  };
}

/** Records that the disk of a data volume could not be made; `detail` says why. */
export function settleFailedDisk(
  memory: MachineMemory,
  code: string,
  detail: string,
  nowMs: number,
  jitter: number,
): Settled {
  const failures = memory.failures + 1;
  return {
    memory: { ...memory, failures, nextStartAtMs: nowMs + restartDelayMs(failures, jitter) },
    events: [{ type: 'Warning', reason: code, message: `the disk could not be made: ${detail}` }],
  };
}
