import { formatSeconds, formatTime } from '../../shared/base/time.ts';
import type { DesiredMachine, FoundMachine } from '../../shared/model/machine.ts';
import type { ObjectMeta } from '../../shared/model/metadata.ts';
import type { VirtualMachineSpec } from '../../shared/model/virtual-machine.ts';
import type { MachineObject } from '../machines/desired.ts';
import { isSameContent } from './judge-entry.ts';

/** Objects of machines from what devices hold of them: pure. */

/** Say that an object is as a device had it, and since when. */
const RECOVERED_FROM = 'holdfast.dev/recovered-from';
const RECOVERED_AT = 'holdfast.dev/recovered-at';

export interface Origin {
  readonly device: string;
  readonly nowMs: number;
}

/** The object of a machine that this hub knows nothing of: what was only written here, as its labels, is lost. */
export function rebuildObject(entry: DesiredMachine, origin: Origin): MachineObject {
  const { uid, namespace, name, generation } = entry;
  const created = { uid, namespace, name, generation, creationTimestamp: formatSeconds(origin.nowMs) };
  return describeAs(entry, markRecovered(created, origin), undefined);
}

/** An object that is older than what the device holds, brought up to that. */
export function advanceObject(object: MachineObject, entry: DesiredMachine, origin: Origin): MachineObject {
  return describeAs(
    entry,
    { ...markRecovered(object.metadata, origin), generation: entry.generation },
    object,
  );
}

/** An object that was described anew meanwhile, as a newer description than the one that the device holds. */
export function outdoObject(object: MachineObject, { generation }: DesiredMachine): MachineObject {
  return { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
}

/** Another object of the machine's name, as the machine's own: what it says is newer than what the device holds. */
export function takeOverObject(
  other: MachineObject,
  entry: DesiredMachine | FoundMachine,
  origin: Origin,
): MachineObject {
  const own = { ...other, metadata: { ...markRecovered(other.metadata, origin), uid: entry.uid } };
  if ('found' in entry) return own;
  const newest = Math.max(other.metadata.generation ?? 1, entry.generation);
  const generation = isSameContent(entry, own) ? newest : newest + 1;
  return { ...own, metadata: { ...own.metadata, generation } };
}

/** Metadata of an object that is as a device had it. */
export function markRecovered(metadata: ObjectMeta, { device, nowMs }: Origin): ObjectMeta {
  const recovered = { [RECOVERED_FROM]: device, [RECOVERED_AT]: formatTime(nowMs) };
  return { ...metadata, annotations: { ...metadata.annotations, ...recovered } };
}

function describeAs(
  entry: DesiredMachine,
  metadata: ObjectMeta,
  before: MachineObject | undefined,
): MachineObject {
  const common = { apiVersion: 'kubevirt.io/v1', metadata };
  if (entry.kind === 'VirtualMachineInstance') {
    const status = before?.kind === 'VirtualMachineInstance' ? before.status : undefined;
    return { ...common, kind: entry.kind, spec: entry.spec, ...(status !== undefined && { status }) };
  }
  const own = before?.kind === 'VirtualMachine' ? before : undefined;
  return {
    ...common,
    kind: entry.kind,
    spec: specOf(entry, own?.spec),
    ...(own?.status !== undefined && { status: own.status }),
  };
}

function specOf(
  { runStrategy, dataVolumes, spec }: DesiredMachine,
  before: VirtualMachineSpec | undefined,
): VirtualMachineSpec {
  // The other way of saying when it runs; both at once are refused.
  // What an instancetype and a preference give is in what the device holds.
  const { running, dataVolumeTemplates, instancetype, preference, ...kept } = before ?? {
    template: { spec },
  };
  return {
    ...kept,
    runStrategy,
    ...(dataVolumes.length > 0 && { dataVolumeTemplates: dataVolumes }),
    template: { ...kept.template, spec },
  };
}
