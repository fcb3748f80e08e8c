import { isSameJson } from '../../shared/base/same-json.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { expandTemplate } from '../machines/expand.ts';
import type { Tables } from '../ports.ts';
import { readProfile } from './read-profile.ts';
import { hasProfile } from './resolve-machine.ts';

interface Request {
  readonly verb: 'create' | 'update' | 'delete';
  readonly object: ResourceObject;
  readonly previous?: ResourceObject;
}

/** What a VirtualMachine's instancetype and preference have against it, as KubeVirt's own webhook says it. */
export async function admitProfile(
  { verb, object, previous }: Request,
  tables: Tables,
): Promise<readonly FieldCause[]> {
  if (verb === 'delete' || object.kind !== 'VirtualMachine') return [];
  const machine = object as unknown as VirtualMachine;
  // What was taken once stands: a label or a finalizer can be changed whatever has become of the rest.
  if (!hasProfile(machine) || isSameJson(object.spec, previous?.spec)) return [];
  const read = await readProfile(tables, machine);
  if (!read.ok) return read.causes;
  const { spec, metadata } = machine.spec.template;
  const expanded = expandTemplate({ spec, annotations: metadata?.annotations ?? {} }, read.profile);
  return expanded.ok ? [] : expanded.causes;
}
