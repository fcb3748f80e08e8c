import { isSameJson } from '../../shared/base/same-json.ts';
import { isDeleting } from '../api/write/metadata.ts';
import type { MachineObject } from '../machines/desired.ts';
import { compileEntry } from '../machines/desired.ts';
import { isOwned } from '../machines/instance.ts';
import type { DeviceRow, MachineRow } from '../ports.ts';
import type { ReadEntry } from './read-entry.ts';

/** What is to become of a machine that a device holds, now that it is known what this hub has of it: pure. */

export interface Found {
  readonly device: Pick<DeviceRow, 'name' | 'duplicateSinceMs'>;
  readonly held: Exclude<ReadEntry, { kind: 'volume' }>;
  readonly row: MachineRow | undefined;
  /** The object of this machine. */
  readonly object: MachineObject | undefined;
  /** The same with what its instancetype and its preference give it, where it has any. */
  readonly described?: MachineObject | undefined;
  /** Another one's, which has its name. */
  readonly other: MachineObject | undefined;
  readonly otherRow: MachineRow | undefined;
  /** The device holds the other one as well. */
  readonly holdsOther: boolean;
}

export type Verdict =
  /** The two agree, or the hub is ahead, as it should be. */
  | { readonly kind: 'agree' }
  /** Its object has no place: it is on this device. */
  | { readonly kind: 'place' }
  /** The device has a newer description of it: its object takes that. */
  | { readonly kind: 'advance' }
  /** It was described anew here since: its object's generation goes above the device's. */
  | { readonly kind: 'outdo' }
  /** Nothing is known of it: its object is made from the device's description. */
  | { readonly kind: 'rebuild' }
  /** Its manifest was applied again meanwhile, and nothing has come of that: that object becomes this machine's. */
  | { readonly kind: 'take-over' }
  /** It was deleted, and may not be gone yet. */
  | { readonly kind: 'remove' }
  /** What the device holds of it can't be read, and is not to be undone unread. */
  | { readonly kind: 'hold-back' }
  /** It goes on as it is, and someone has to see to it. */
  | { readonly kind: 'leave'; readonly why: string };

export function judgeEntry(found: Found): Verdict {
  const { device, held, row, object, described = object } = found;
  if (row !== undefined && row.device !== device.name) {
    return leave(
      `this hub has it on device ${row.device}, and two boxes run it where its disk was copied: delete it on one of them`,
    );
  }
  if (held.kind === 'unreadable') return judgeUnreadable(held.problem, row, object);
  if (held.kind === 'removed') {
    const isDeleted = object === undefined || isDeleting(object.metadata);
    return { kind: row?.removing === true && isDeleted ? 'agree' : 'remove' };
  }
  if (row?.removing === true) return { kind: 'agree' };
  if (object !== undefined && described !== undefined) {
    return held.kind === 'found' ? keep(row) : judgeKnown(held.entry, row, described);
  }
  // Its object was taken away by force: the hub's loop removes what is left.
  if (row !== undefined) return { kind: 'agree' };
  return judgeUnknown(found);
}

function judgeUnreadable(
  problem: string,
  row: MachineRow | undefined,
  object: MachineObject | undefined,
): Verdict {
  if (row?.removing === true) return { kind: 'agree' };
  return object === undefined && row === undefined
    ? leave(`what the device holds of it can't be read here (${problem}): update the older of the two`)
    : { kind: 'hold-back' };
}

function judgeKnown(
  entry: Extract<ReadEntry, { kind: 'machine' }>['entry'],
  row: MachineRow | undefined,
  object: MachineObject,
): Verdict {
  const { generation = 1 } = object.metadata;
  if (!isDeleting(object.metadata) && entry.generation >= generation) {
    if (entry.generation > generation) return { kind: 'advance' };
    if (!isSameContent(entry, object)) return { kind: 'outdo' };
  }
  return keep(row);
}

function keep(row: MachineRow | undefined): Verdict {
  return { kind: row === undefined || row.heldBack !== undefined ? 'place' : 'agree' };
}

function judgeUnknown({ device, held, other, otherRow, holdsOther }: Found): Verdict {
  if (device.duplicateSinceMs !== undefined) {
    return leave("two boxes have this device's name: it is taken in once only one has it");
  }
  if (other === undefined) {
    return held.kind === 'machine'
      ? { kind: 'rebuild' }
      : leave(
          'the device found its disks, and nothing that describes it: apply its manifest to have it taken in',
        );
  }
  const { kind, metadata } = other;
  const name = `${kind} ${metadata.namespace ?? ''}/${metadata.name} (${metadata.uid ?? ''})`;
  if (kind === 'VirtualMachineInstance' && isOwned(other)) {
    return leave(
      `its name is taken by the run of VirtualMachine ${metadata.name}: delete that one to have it`,
    );
  }
  if (isDeleting(metadata))
    return leave(`${name}, which has its name, is being deleted: it is taken in then`);
  const isUntouched =
    otherRow === undefined || (otherRow.device === device.name && otherRow.status === undefined);
  if (isUntouched && !holdsOther) return { kind: 'take-over' };
  return leave(
    `its name is that of ${name} on device ${otherRow?.device ?? device.name}: delete that one to have it taken in`,
  );
}

/** Whether an object describes the machine as its device holds it. */
export function isSameContent(
  entry: Extract<ReadEntry, { kind: 'machine' }>['entry'],
  object: MachineObject,
): boolean {
  const { uid, kind, namespace, name, generation } = entry;
  const row = { uid, kind, namespace, name, device: '', removing: false };
  const own = compileEntry(row, object, entry.releasedOverride);
  // What it names, and what it is labelled with, has objects of its own, or is the hub's.
  const beside = { references: undefined, labels: undefined, annotations: undefined };
  return isSameJson({ ...own, generation, ...beside }, { ...entry, ...beside });
}

function leave(why: string): Verdict {
  return { kind: 'leave', why };
}
