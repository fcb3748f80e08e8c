import type { References } from '../../shared/model/machine.ts';
import { formatCauses } from '../../shared/model/validate.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { Problem } from '../machines/carry-over.ts';
import type { MachineObject } from '../machines/desired.ts';
import { expandTemplate } from '../machines/expand.ts';
import { nameAnnotations } from '../machines/profile-ref.ts';
import { findForeignClone, referencesOf } from '../machines/references.ts';
import type { Tables } from '../ports.ts';
import { readProfile } from './read-profile.ts';
import { resolveReferences } from './resolve-references.ts';

/** A machine's whole description: its object with all that it refers to, from the store. */
export interface Resolution {
  /** The object with its template filled in; undefined where that is not possible. */
  readonly object: MachineObject | undefined;
  readonly references?: References | undefined;
  readonly problems: readonly Problem[];
}

/** With what its instancetype and its preference give it. */
export async function resolveProfile(tables: Tables, object: MachineObject): Promise<Resolution> {
  if (object.kind !== 'VirtualMachine' || !hasProfile(object)) return { object, problems: [] };
  const read = await readProfile(tables, object);
  if (!read.ok)
    return { object: undefined, problems: [{ reason: read.reason, message: formatCauses(read.causes) }] };
  const { template } = object.spec;
  const { spec, metadata } = template;
  const expanded = expandTemplate({ spec, annotations: metadata?.annotations ?? {} }, read.profile);
  if (!expanded.ok) {
    return {
      object: undefined,
      problems: [{ reason: 'NotSupported', message: formatCauses(expanded.causes) }],
    };
  }
  const annotations = { ...expanded.template.annotations, ...nameAnnotations(object) };
  const filled = {
    ...template,
    metadata: { ...metadata, annotations },
    spec: expanded.template.spec,
  };
  return { object: { ...object, spec: { ...object.spec, template: filled } }, problems: [] };
}

/** With the content of all that it names as well, for the device that it is on. */
export async function resolveMachine(
  tables: Tables,
  object: MachineObject,
  device: string,
): Promise<Resolution> {
  const resolution = await resolveProfile(tables, object);
  if (resolution.object === undefined) return resolution;
  const { namespace = '' } = object.metadata;
  const place = { namespace, device };
  const { references, problems } = await resolveReferences(tables, place, referencesOf(resolution.object));
  return { ...resolution, references, problems: [...problems, ...foreignClones(object, namespace)] };
}

export function hasProfile({ spec }: VirtualMachine): boolean {
  return spec.instancetype !== undefined || spec.preference !== undefined;
}

function foreignClones(object: MachineObject, namespace: string): Problem[] {
  if (object.kind !== 'VirtualMachine') return [];
  return (object.spec.dataVolumeTemplates ?? []).flatMap(({ spec }, index) => {
    const foreign = findForeignClone(spec, namespace);
    const field = `spec.dataVolumeTemplates[${index}].spec.source.pvc.namespace`;
    return foreign === undefined ? [] : [describeForeignClone(field, foreign, namespace)];
  });
}

export function describeForeignClone(field: string, foreign: string, namespace: string): Problem {
  const message = `${field} is ${foreign}, and a disk is cloned within its namespace only, which is ${namespace}`;
  return { reason: 'CloneNotPermitted', message };
}
