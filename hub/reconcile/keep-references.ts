import type { ResourceObject } from '../../shared/model/kind.ts';
import type { MachineObject } from '../machines/desired.ts';
import { givenMacs, macKey } from '../machines/mac-address.ts';
import { keptRevision, originalKey, PROFILED, revisionKey } from '../machines/profile-ref.ts';
import type { Reference } from '../machines/references.ts';
import { referencesOf, targetOf } from '../machines/references.ts';
import type { ObjectKey, ReferringMachine, Tables } from '../ports.ts';

/**
 * Notes what a machine names, so that a change of it finds the machine, and removes what was made for the machine and
 * is not named any more: its data volumes' objects, and its copies of instancetypes and preferences.
 * @param object what it is, filled in as far as that is possible; undefined once it is gone
 */
export async function keepReferences(
  tables: Tables,
  machine: ReferringMachine,
  object: MachineObject | undefined,
): Promise<void> {
  const keys = object === undefined ? [] : [...keysOf(object), ...targetsOf(referencesOf(object), machine)];
  for (const key of await tables.references.set(machine, keys)) {
    const dropped = await tables.objects.get(key);
    if (dropped !== undefined && isMadeFor(dropped, machine.uid)) await tables.objects.remove(key);
  }
}

export function targetsOf(
  references: readonly Reference[],
  { namespace }: Pick<ReferringMachine, 'namespace'>,
): ObjectKey[] {
  return references.map((reference) => targetOf(reference, namespace));
}

/** A machine's MAC addresses; what a VirtualMachine goes by, or waits for to go by, and what is made for it. */
function keysOf(object: MachineObject): ObjectKey[] {
  const macs = givenMacs(object as unknown as ResourceObject).map(({ mac }) => macKey(mac));
  if (object.kind !== 'VirtualMachine') return macs;
  const { namespace = '' } = object.metadata;
  const profile = PROFILED.flatMap((member) => {
    const matcher = object.spec[member];
    if (matcher === undefined) return [];
    const kept = keptRevision(object, member);
    return [kept === undefined ? originalKey(member, matcher, namespace) : revisionKey(namespace, kept)];
  });
  const volumes = (object.spec.dataVolumeTemplates ?? []).map(({ metadata }) => {
    return { kind: 'cdi.kubevirt.io/DataVolume', namespace, name: metadata.name };
  });
  return [...macs, ...profile, ...volumes];
}

function isMadeFor({ metadata }: ResourceObject, uid: string): boolean {
  return (metadata.ownerReferences ?? []).some((owner) => owner.uid === uid && owner.controller === true);
}
