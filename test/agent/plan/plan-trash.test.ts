import { describe, expect, test } from 'vitest';
import { planTrash } from '../../../agent/plan/plan-trash.ts';
import type { TrashEntry } from '../../../agent/trash-port.ts';

const HOUR_MS = 3_600_000;
const LIMITS = { keepMs: 168 * HOUR_MS, reserveBytes: 512 * 2 ** 20 };
const PLENTY = 2 ** 40;

const entry = (id: string, hours: number): TrashEntry => ({
  id,
  namespace: 'shop',
  name: 'pos',
  uid: id,
  removedAt: '2026-03-01T08:00:00Z',
  heldMs: hours * HOUR_MS,
  bytes: 1,
  disks: [],
});
const plan = (entries: TrashEntry[], availableBytes = PLENTY) =>
  planTrash(entries, availableBytes, LIMITS).map(({ entry: { id }, why }) => [id, why]);

describe('the trash', () => {
  test('keeps what was removed for its time, and no longer', () => {
    expect(plan([entry('a', 167.9), entry('b', 168), entry('c', 0)])).toEqual([
      ['b', 'it was kept for 168 h'],
    ]);
  });

  test('makes room on a disk that is nearly full, with what was kept longest, one at a time', () => {
    const why = 'only 100 MiB of the disk are free, and 512 MiB must be';
    expect(plan([entry('a', 1), entry('b', 30), entry('c', 2)], 100 * 2 ** 20)).toEqual([['b', why]]);
    expect(plan([], 0)).toEqual([]);
  });
});
