import type {
  DesiredMachine,
  DesiredVolume,
  FoundMachine,
  MachineIdentity,
  RemovedMachine,
} from '../../shared/model/machine.ts';
import {
  desiredMachine,
  desiredVolume,
  foundMachine,
  machineIdentity,
  removedMachine,
} from '../../shared/model/machine.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';

/** An entry of a desired document that a device holds, as far as this hub can read it. */
export type ReadEntry =
  | { readonly kind: 'machine'; readonly entry: DesiredMachine }
  | { readonly kind: 'volume'; readonly entry: DesiredVolume }
  | { readonly kind: 'removed'; readonly entry: RemovedMachine }
  | { readonly kind: 'found'; readonly entry: FoundMachine }
  | { readonly kind: 'unreadable'; readonly identity: MachineIdentity | undefined; readonly problem: string };

/** Reads an entry, which another version of the hub may have written; never throws. */
export function readEntry(given: Readonly<Record<string, unknown>>): ReadEntry {
  const identity = validate(machineIdentity, given);
  if (!identity.ok)
    return { kind: 'unreadable', identity: undefined, problem: formatCauses(identity.causes) };
  const unreadable = (causes: readonly FieldCause[]): ReadEntry => {
    return { kind: 'unreadable', identity: identity.value, problem: formatCauses(causes) };
  };
  if ('removed' in given) {
    const removed = validate(removedMachine, given);
    return removed.ok ? { kind: 'removed', entry: removed.value } : unreadable(removed.causes);
  }
  if ('found' in given) {
    const found = validate(foundMachine, given);
    return found.ok ? { kind: 'found', entry: found.value } : unreadable(found.causes);
  }
  if (identity.value.kind === 'DataVolume') {
    const volume = validate(desiredVolume, given);
    return volume.ok ? { kind: 'volume', entry: volume.value } : unreadable(volume.causes);
  }
  const machine = validate(desiredMachine, given);
  return machine.ok ? { kind: 'machine', entry: machine.value } : unreadable(machine.causes);
}

export function identityOf(read: ReadEntry): MachineIdentity | undefined {
  return read.kind === 'unreadable' ? read.identity : read.entry;
}
