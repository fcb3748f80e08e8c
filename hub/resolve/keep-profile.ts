import { formatSeconds } from '../../shared/base/time.ts';
import type { ControllerRevision } from '../../shared/model/controller-revision.ts';
import type { ProfileStatus } from '../../shared/model/matcher.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { Now } from '../machines/instance.ts';
import type { Profiled } from '../machines/profile-ref.ts';
import {
  keptRevision,
  originalKey,
  PROFILED,
  refOf,
  revisionKey,
  revisionName,
} from '../machines/profile-ref.ts';
import type { Tables } from '../ports.ts';

/**
 * Keeps a copy of what a machine's instancetype and preference are when it first uses them, which it goes by from then
 * on, as KubeVirt does: an edit of either changes no machine that is there.
 */
export async function keepProfile(
  tables: Tables,
  machine: VirtualMachine,
  now: Now,
): Promise<VirtualMachine> {
  const { instancetypeRef, preferenceRef, ...status } = machine.status ?? {};
  const refs: Partial<Record<`${Profiled}Ref`, ProfileStatus>> = {};
  for (const member of PROFILED) {
    const matcher = machine.spec[member];
    if (matcher === undefined) continue;
    const revision = keptRevision(machine, member) ?? (await keepCopy(tables, machine, member, now));
    if (revision !== undefined) refs[`${member}Ref`] = refOf(member, matcher, revision);
  }
  if (Object.keys(refs).length === 0 && instancetypeRef === undefined && preferenceRef === undefined)
    return machine;
  return { ...machine, status: { ...status, ...refs } };
}

/** The copy's name; undefined where there is nothing to be copied. */
async function keepCopy(
  { objects }: Tables,
  { metadata, spec }: VirtualMachine,
  member: Profiled,
  { nowMs, uuid }: Now,
): Promise<string | undefined> {
  const { name: machine, namespace = '', uid = '' } = metadata;
  const matcher = spec[member];
  if (matcher === undefined) return undefined;
  const original = await objects.get(originalKey(member, matcher, namespace));
  if (original === undefined) return undefined;
  const name = revisionName(machine, original);
  const key = revisionKey(namespace, name);
  if ((await objects.get(key)) !== undefined) return name;
  const { apiVersion, kind } = original;
  const { name: originalName, uid: originalUid = '', generation = 1 } = original.metadata;
  const revision: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name,
      namespace,
      uid: uuid(),
      creationTimestamp: formatSeconds(nowMs),
      generation: 1,
      labels: {
        'instancetype.kubevirt.io/object-generation': String(generation),
        'instancetype.kubevirt.io/object-kind': kind,
        'instancetype.kubevirt.io/object-name': originalName.slice(0, 63),
        'instancetype.kubevirt.io/object-uid': originalUid,
        'instancetype.kubevirt.io/object-version': 'v1beta1',
      },
      ownerReferences: [
        {
          apiVersion: 'kubevirt.io/v1',
          kind: 'VirtualMachine',
          name: machine,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    data: {
      apiVersion,
      kind,
      metadata: { name: originalName, uid: originalUid, generation },
      spec: original.spec,
    },
    revision: 0,
  };
  await objects.put(key, revision);
  return name;
}
