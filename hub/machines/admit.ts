import { isSameJson } from '../../shared/base/same-json.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import { isOwned } from './instance.ts';
import type { MachineSet } from './machine-set.ts';
import { SET_KINDS } from './machine-set.ts';
import { checkRelease } from './override.ts';

/** What is asked of the API; `object` is already checked against its kind's schema. */
interface AdmissionRequest {
  readonly verb: 'create' | 'update' | 'delete';
  readonly object: ResourceObject;
  readonly previous?: ResourceObject;
  readonly orphan?: boolean;
}

/** KubeVirt's own group, and those under it. */
const GROUP = /^([a-z.]+\.)?kubevirt\.io\//;

/** Ignored, it would cost the disks that whoever asks for it wants to keep. */
const ORPHANS_REFUSED: FieldCause = {
  field: 'propagationPolicy',
  reason: 'FieldValueNotSupported',
  message:
    "a machine's run and its disks are deleted with it, and can't be kept without it (kubectl: leave out " +
    '--cascade=orphan); to keep the disks set spec.runStrategy to Halted instead',
};

const SET_ORPHANS_REFUSED: FieldCause = {
  field: 'propagationPolicy',
  reason: 'FieldValueNotSupported',
  message:
    "a set's machines are deleted with it, and can't be kept without it (kubectl: leave out --cascade=orphan); to keep " +
    'them as they are set spec.paused to true instead',
};

function isSet({ kind }: ResourceObject): boolean {
  return SET_KINDS.some((known) => known === kind);
}

/** As upstream: another selector would leave machines behind that nobody counts. */
function checkSet(object: ResourceObject, previous: ResourceObject | undefined): FieldCause[] {
  if (previous === undefined) return [];
  const [next, before] = [object.spec as MachineSet['spec'], previous.spec as MachineSet['spec']];
  if (isSameJson(next.selector, before.selector)) return [];
  return [{ field: 'spec.selector', reason: 'FieldValueInvalid', message: 'field is immutable' }];
}

/** Rules about machines that a schema can't say. */
export function admitMachine({ verb, object, previous, orphan }: AdmissionRequest): FieldCause[] {
  if (!GROUP.test(object.apiVersion)) return [];
  if (orphan === true) return [isSet(object) ? SET_ORPHANS_REFUSED : ORPHANS_REFUSED];
  if (isSet(object)) return checkSet(object, previous);
  const release = verb === 'delete' ? [] : checkRelease(object);
  if (object.kind !== 'VirtualMachineInstance') return release;
  const instance = object as unknown as VirtualMachineInstance;
  if (isOwned(instance)) return verb === 'delete' ? [refuseOwnedDelete(instance)] : release;
  return release;
}

function refuseOwnedDelete({ metadata }: VirtualMachineInstance): FieldCause {
  const message = `it is the run of VirtualMachine ${metadata.name}: set that one's spec.runStrategy to Halted to stop it`;
  return { field: 'metadata.ownerReferences', reason: 'FieldValueForbidden', message };
}
