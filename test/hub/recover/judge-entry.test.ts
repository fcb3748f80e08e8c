import { describe, expect, test } from 'vitest';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import type { MachineObject } from '../../../hub/machines/desired.ts';
import type { MachineRow } from '../../../hub/ports.ts';
import { advanceObject, outdoObject, takeOverObject } from '../../../hub/recover/compile-object.ts';
import type { Found } from '../../../hub/recover/judge-entry.ts';
import { judgeEntry } from '../../../hub/recover/judge-entry.ts';
import { readEntry } from '../../../hub/recover/read-entry.ts';
import { entryOf } from '../start-hub.ts';

const UID = '11111111-aaaa-4aaa-8aaa-111111111111';
const OTHER = '22222222-aaaa-4aaa-8aaa-222222222222';
const entry = entryOf(UID, 'pos', { generation: 3 });
const { namespace, name, kind } = entry;
const row: MachineRow = { uid: UID, kind, namespace, name, device: 'edge-1', removing: false };
const found = { uid: UID, kind, namespace, name, found: true };
const removed = { uid: UID, kind, namespace, name, removed: true };

function objectOf(
  generation: number,
  change: Partial<VirtualMachine['spec']> = {},
  metadata = {},
): VirtualMachine {
  const { runStrategy, spec } = entry;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { uid: UID, namespace, name, generation, ...metadata },
    spec: { runStrategy, template: { spec }, ...change },
  };
}
const deleting = { deletionTimestamp: '2026-03-01T08:00:00Z' };
const other = objectOf(1, {}, { uid: OTHER });
const otherRow: MachineRow = { ...row, uid: OTHER };
const status = { state: 'Running' } as NonNullable<MachineRow['status']>;

const judge = (found: Partial<Omit<Found, 'held'>> & { held?: object } = {}) =>
  judgeEntry({
    device: { name: 'edge-1' },
    row: undefined,
    object: undefined,
    other: undefined,
    otherRow: undefined,
    holdsOther: false,
    ...found,
    held: readEntry((found.held ?? entry) as Record<string, unknown>) as Found['held'],
  });

describe('what a device holds of a machine', () => {
  test.each([
    ['as it is here', { row, object: objectOf(3) }, 'agree'],
    ['older than it is here', { row, object: objectOf(4) }, 'agree'],
    ['newer than it is here', { row, object: objectOf(2) }, 'advance'],
    ['changed, and changed here too', { row, object: objectOf(3, { runStrategy: 'Halted' }) }, 'outdo'],
    ['that has no place here', { object: objectOf(3) }, 'place'],
    [
      'that was held back and is there',
      { row: { ...row, heldBack: { reason: 'Gone', generation: 3 } }, object: objectOf(3) },
      'place',
    ],
    ['that is being deleted here', { row, object: objectOf(2, {}, deleting) }, 'agree'],
    ['that is being removed from it', { row: { ...row, removing: true }, object: objectOf(2) }, 'agree'],
    ['whose object was taken away by force', { row }, 'agree'],
    ['that nobody here knows', {}, 'rebuild'],
    ['that is placed elsewhere', { row: { ...row, device: 'edge-2' }, object: objectOf(3) }, 'leave'],
    ['that was made anew here, unplaced', { other }, 'take-over'],
    ['that was made anew here and is still to be told to it', { other, otherRow }, 'take-over'],
    ['that was made anew and runs', { other, otherRow: { ...otherRow, status } }, 'leave'],
    ['that was made anew elsewhere', { other, otherRow: { ...otherRow, device: 'edge-2' } }, 'leave'],
    ['beside another of its name', { other, otherRow, holdsOther: true }, 'leave'],
    ['whose name is about to be free', { other: objectOf(1, {}, { uid: OTHER, ...deleting }) }, 'leave'],
    [
      'that nobody knows, while two boxes have its name',
      { device: { name: 'edge-1', duplicateSinceMs: 5 } },
      'leave',
    ],
    ['deleted, and here too', { held: removed, row: { ...row, removing: true } }, 'agree'],
    ['deleted, and not here', { held: removed, row, object: objectOf(3) }, 'remove'],
    ['deleted, and nothing is known of it', { held: removed }, 'remove'],
    ['in words unknown here', { held: { ...entry, more: 1 }, row, object: objectOf(3) }, 'hold-back'],
    [
      'in words unknown here, while it is removed',
      { held: { ...entry, more: 1 }, row: { ...row, removing: true } },
      'agree',
    ],
    ['in words unknown here, and nothing else is known', { held: { ...entry, more: 1 } }, 'leave'],
    ['found only, and described here', { held: found, row, object: objectOf(3) }, 'agree'],
    ['found only, and applied again here', { held: found, other }, 'take-over'],
    ['found only, and nobody knows it', { held: found }, 'leave'],
    ['that does not say what it is', { held: { uid: UID } }, 'leave'],
  ] as const)('%s', (_, found, verdict) => {
    expect(judge(found).kind).toBe(verdict);
  });
});

describe('the object of a machine', () => {
  const origin = { device: 'edge-1', nowMs: Date.parse('2026-03-01T08:00:00Z') };
  const specOf = (object: MachineObject) => (object as VirtualMachine).spec;

  test('takes a newer description, and keeps what devices are not told', () => {
    const { runStrategy, ...spec } = objectOf(2).spec;
    const template = { metadata: { labels: { app: 'till' } }, spec: spec.template.spec };
    const before = { ...objectOf(2, {}, { labels: { app: 'till' } }), spec: { running: false, template } };
    const after = advanceObject(before, entry, origin);
    expect(after.metadata).toMatchObject({ uid: UID, generation: 3, labels: { app: 'till' } });
    expect(specOf(after)).toEqual({ runStrategy, template });
    expect(judge({ row, object: after }).kind).toBe('agree');
  });

  test('that was described anew goes above what the device holds', () => {
    const after = outdoObject(objectOf(3, { runStrategy: 'Halted' }), entry);
    expect(after.metadata.generation).toBe(4);
    expect(judge({ row, object: after }).kind).toBe('agree');
  });

  test('that takes another over says what that one said, under its own uid', () => {
    const same = takeOverObject(other, entry, origin);
    expect(same.metadata).toMatchObject({ uid: UID, generation: 3 });
    const newer = takeOverObject(objectOf(1, { runStrategy: 'Halted' }, { uid: OTHER }), entry, origin);
    expect(newer.metadata).toMatchObject({ uid: UID, generation: 4 });
    expect(specOf(newer).runStrategy).toBe('Halted');
  });
});
