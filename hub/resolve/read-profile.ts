import type { ControllerRevision } from '../../shared/model/controller-revision.ts';
import { instancetypeSpec } from '../../shared/model/instancetype.ts';
import { preferenceSpec } from '../../shared/model/preference.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import { validate } from '../../shared/model/validate.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { Profile } from '../machines/expand.ts';
import type { Profiled } from '../machines/profile-ref.ts';
import { kindOf, keptRevision, originalKey, PROFILED, revisionKey } from '../machines/profile-ref.ts';
import type { Tables } from '../ports.ts';

/** Reads the instancetype and the preference of a machine: the copies that it goes by, or else what they are now. */

export type ReadProfile =
  | { readonly ok: true; readonly profile: Profile }
  | { readonly ok: false; readonly reason: string; readonly causes: readonly FieldCause[] };

export async function readProfile(tables: Tables, machine: VirtualMachine): Promise<ReadProfile> {
  const specs: Partial<Record<Profiled, unknown>> = {};
  for (const member of PROFILED) {
    const found = await readSpec(tables, machine, member);
    if (found.missing !== undefined) {
      const kind = member === 'instancetype' ? 'Instancetype' : 'Preference';
      const cause = { reason: 'FieldValueInvalid', field: found.field, message: found.missing } as const;
      return { ok: false, reason: `${kind}NotFound`, causes: [cause] };
    }
    if (found.spec !== undefined) specs[member] = found.spec;
  }
  // A copy may be of another version of this hub, or made by hand.
  const instancetype = validate(instancetypeSpec.optional(), specs.instancetype);
  if (!instancetype.ok) return unreadable('instancetype', instancetype.causes);
  const preference = validate(preferenceSpec.optional(), specs.preference);
  if (!preference.ok) return unreadable('preference', preference.causes);
  return { ok: true, profile: { instancetype: instancetype.value, preference: preference.value } };
}

type Found =
  | { readonly spec: unknown; readonly missing?: undefined }
  | { readonly missing: string; readonly field: string };

async function readSpec({ objects }: Tables, machine: VirtualMachine, member: Profiled): Promise<Found> {
  const matcher = machine.spec[member];
  if (matcher === undefined) return { spec: undefined };
  const { namespace = '' } = machine.metadata;
  const kept = keptRevision(machine, member);
  if (kept !== undefined) {
    const revision = (await objects.get(revisionKey(namespace, kept))) as ControllerRevision | undefined;
    if (revision?.data !== undefined) return { spec: revision.data.spec ?? {} };
    const missing = `there is no ControllerRevision ${namespace}/${kept} with a copy of it`;
    return { missing, field: `spec.${member}.revisionName` };
  }
  const original = await objects.get(originalKey(member, matcher, namespace));
  if (original !== undefined) return { spec: original.spec ?? {} };
  return {
    missing: `there is no ${kindOf(member, matcher)} "${matcher.name}"`,
    field: `spec.${member}.name`,
  };
}

function unreadable(member: Profiled, causes: readonly FieldCause[]): ReadProfile {
  const told = causes.map(({ field, message, reason }) => {
    return { reason, field: `spec.${member}`, message: `its spec.${field}: ${message}` };
  });
  return { ok: false, reason: 'NotSupported', causes: told };
}
