import { formatBytes } from '../../shared/base/quantity.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { keptBytes } from '../machine/disk.ts';
import { forget } from './memory.ts';
import type { Draft, Situation } from './plan.ts';

/** How often the growth of a disk is tried: what fails of it is told by the agent's log, and made good by a restart. */
const TRY_EVERY_MS = 60_000;

/**
 * Makes a disk of a running guest larger where a larger one is asked for, one at a time. Of a guest that does not run
 * it is made larger by its next start. None is ever made smaller.
 */
export function planGrowth(situation: Situation, draft: Draft, compiled: CompiledMachine): Draft {
  const { observed, nowMs } = situation;
  const { diskBytes = {}, process } = observed ?? {};
  if (process?.runState !== 'running') return draft;
  const short = keptBytes(compiled).find(({ dataVolume, bytes }) => (diskBytes[dataVolume] ?? bytes) < bytes);
  if (short === undefined) {
    const isOver = draft.memory.growthTriedAtMs !== undefined;
    return isOver ? { ...draft, memory: forget(draft.memory, 'growthTriedAtMs') } : draft;
  }
  const againAtMs = (draft.memory.growthTriedAtMs ?? -Infinity) + TRY_EVERY_MS;
  if (nowMs < againAtMs) return { ...draft, wakeAtMs: Math.min(againAtMs, draft.wakeAtMs ?? Infinity) };
  const { dataVolume, bytes } = short;
  const sizes = `from ${formatBytes(diskBytes[dataVolume] ?? 0)} to ${formatBytes(bytes)}`;
  const message = `the disk of data volume ${dataVolume} grows ${sizes} while the guest runs`;
  return {
    ...draft,
    memory: { ...draft.memory, growthTriedAtMs: nowMs },
    actions: [...draft.actions, { kind: 'grow-disk', uid: compiled.uid, dataVolume, bytes }],
    events: [...(draft.events ?? []), { type: 'Normal', reason: 'DiskGrows', message }],
  };
}
