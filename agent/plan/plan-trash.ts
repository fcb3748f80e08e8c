import { formatBytes } from '../../shared/base/quantity.ts';
import type { TrashEntry } from '../trash-port.ts';

/** How long what was removed is kept, and what the disk is to have free. */
export interface TrashLimits {
  readonly keepMs: number;
  readonly reserveBytes: number;
}

/** An entry of the trash that is to be deleted for good, and why. */
export interface TrashEnd {
  readonly entry: TrashEntry;
  readonly why: string;
}

/**
 * What is to be deleted now: what has been kept for its time, and where the disk is nearly full the entry that has
 * been kept longest, one at a time. How long something was kept is counted while the agent runs: a clock that is set
 * years ahead ends nothing.
 */
export function planTrash(
  entries: readonly TrashEntry[],
  availableBytes: number,
  { keepMs, reserveBytes }: TrashLimits,
): TrashEnd[] {
  const hours = Math.round(keepMs / 3_600_000);
  const over = entries.filter(({ heldMs }) => heldMs >= keepMs);
  if (over.length > 0) return over.map((entry) => ({ entry, why: `it was kept for ${hours} h` }));
  if (availableBytes >= reserveBytes) return [];
  const oldest = entries.toSorted((a, b) => b.heldMs - a.heldMs || (a.id < b.id ? -1 : 1))[0];
  if (oldest === undefined) return [];
  const free = `only ${formatBytes(availableBytes)} of the disk are free, and ${formatBytes(reserveBytes)} must be`;
  return [{ entry: oldest, why: free }];
}
