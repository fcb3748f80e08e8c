import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { formOf, notesOf } from '../../../shared/model/form.ts';
import type { KindDefinition } from '../../../shared/model/kind.ts';
import { KINDS } from '../../../shared/model/kinds.ts';

/** Holds the tables of fields against the list of all that KubeVirt has. */

/** KubeVirt's fields by type: each field's own type, `[]` in front of a list's and `map[string]` of a map's. */
const TYPES: ReadonlyMap<string, ReadonlyMap<string, string>> = readTypes();

/** Kinds whose spec is of another type than their name says. */
const SPEC_TYPES: Readonly<Record<string, string>> = {
  DataVolume: 'cdi.DataVolumeSpec',
  VirtualMachineClusterInstancetype: 'VirtualMachineInstancetypeSpec',
  VirtualMachineClusterPreference: 'VirtualMachinePreferenceSpec',
};

const OF_KUBERNETES = "one table serves all conditions, and Kubernetes' own have it";

/** Fields that are in none of KubeVirt's types, and why they are in ours. */
const BEYOND: Readonly<Record<string, string>> = {
  'cdi.DataVolumeSourceHTTP.checksum': 'in later versions of CDI',
  'cdi.StorageSpec.volumeAttributesClassName': 'one table serves pvc and storage, of which only pvc has it',
  'VirtualMachineCondition.observedGeneration': OF_KUBERNETES,
  'VirtualMachineInstanceCondition.observedGeneration': OF_KUBERNETES,
  'VirtualMachineInstanceReplicaSetCondition.observedGeneration': OF_KUBERNETES,
  'VirtualMachinePoolCondition.observedGeneration': OF_KUBERNETES,
  'VirtualMachineInstanceNetworkInterface.ports': 'KubeVirt gives a machine an address of its own instead',
};

/** Kinds whose statuses are held against the list; CDI's are not in it, and the others have none. */
const STATUS_TYPES: Readonly<Record<string, string>> = {
  VirtualMachine: 'VirtualMachineStatus',
  VirtualMachineInstance: 'VirtualMachineInstanceStatus',
  VirtualMachineInstanceReplicaSet: 'VirtualMachineInstanceReplicaSetStatus',
  VirtualMachinePool: 'VirtualMachinePoolStatus',
};

export interface Comparison {
  /** Paths of fields that are in none of the tables. */
  readonly missing: readonly string[];
  /** Paths of fields that KubeVirt does not have, and of those that are in two tables. */
  readonly wrong: readonly string[];
  /** Refused fields, by path, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
  /** Paths of fields that are taken without a word of what they do; not of those in what is meaningless as a whole. */
  readonly undescribed: readonly string[];
  /** How many fields were looked at. */
  readonly count: number;
}

export const KUBEVIRT_KINDS: readonly KindDefinition[] = KINDS.filter(({ group }) =>
  `.${group}`.endsWith('.kubevirt.io'),
);

export function compareKind(kind: KindDefinition): Comparison {
  const form = formOf(kind.schema);
  const spec = form.form === 'object' ? form.members['spec'] : undefined;
  if (spec === undefined) throw new Error(`${kind.kind} has no spec`);
  // What stands in a machine's place under the same name is checked there, where a machine uses it.
  const mayBeFree = kind.group === 'instancetype.kubevirt.io';
  return compareSchema(spec, SPEC_TYPES[kind.kind] ?? `${kind.kind}Spec`, 'spec', mayBeFree);
}

export const KINDS_WITH_STATUS: readonly KindDefinition[] = KUBEVIRT_KINDS.filter(({ kind }) =>
  Object.hasOwn(STATUS_TYPES, kind),
);

/** The same of what is shown: what is refused of it is never shown. */
export function compareStatus(kind: KindDefinition): Comparison {
  const form = formOf(kind.schema);
  const status = form.form === 'object' ? form.members['status'] : undefined;
  const type = STATUS_TYPES[kind.kind];
  if (status === undefined || type === undefined) throw new Error(`${kind.kind} has no status`);
  return compareSchema(status, type, 'status');
}

/** Walks a schema and a type of KubeVirt's side by side. */
export function compareSchema(
  schema: z.core.$ZodType,
  type: string,
  path: string,
  mayBeFree = false,
): Comparison {
  const missing: string[] = [];
  const wrong: string[] = [];
  const undescribed: string[] = [];
  const refused = new Map<string, string>();
  let count = 0;

  function visit(at: z.core.$ZodType, ofType: string, here: string, isIdle = false): void {
    const form = formOf(at);
    const isMeaningless = isIdle || notesOf(at).meaningless !== undefined;
    const element = /^(?:\[\]|map\[string\])(.+)$/.exec(ofType)?.[1];
    if ((form.form === 'list' || form.form === 'map') && element !== undefined) {
      visit(form.element, element, form.form === 'list' ? `${here}[]` : `${here}.*`, isMeaningless);
      return;
    }
    const known = TYPES.get(ofType);
    if (form.form === 'choice' && known !== undefined) {
      for (const option of form.options) visit(option, ofType, here, isMeaningless);
      return;
    }
    if (form.form !== 'object') {
      if (known !== undefined && !mayBeFree && !isMeaningless) missing.push(`${here}: all of it`);
      return;
    }
    // Of a map, a few names may be all that is taken.
    if (ofType.startsWith('map[')) return;
    for (const [name, member] of Object.entries(form.members)) {
      const fieldType = known?.get(name);
      if (!isMeaningless && notesOf(member).description === undefined) undescribed.push(`${here}.${name}`);
      if (fieldType !== undefined) visit(member, fieldType, `${here}.${name}`, isMeaningless);
      else if (!isBeyond(ofType, name)) wrong.push(`${here}.${name}`);
      if (Object.hasOwn(form.refused, name)) wrong.push(`${here}.${name}: works and is refused`);
    }
    for (const [name, why] of Object.entries(form.refused)) {
      refused.set(`${here}.${name}`, why);
      if (known?.has(name) !== true && !isBeyond(ofType, name)) wrong.push(`${here}.${name}`);
    }
    for (const name of known?.keys() ?? []) {
      count += 1;
      const isKnown = Object.hasOwn(form.members, name) || Object.hasOwn(form.refused, name);
      if (!isKnown && !(mayBeFree && form.isFree)) missing.push(`${here}.${name}`);
    }
  }

  visit(schema, type, path);
  return { missing, wrong, refused, undescribed, count };
}

function isBeyond(type: string, name: string): boolean {
  return Object.hasOwn(BEYOND, `${type}.${name}`);
}

function readTypes(): Map<string, Map<string, string>> {
  const types = new Map<string, Map<string, string>>();
  const text = readFileSync(join(import.meta.dirname, 'kubevirt-fields.generated.txt'), 'utf8');
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, type = '', field = '', fieldType = ''] = /^(.+)\.(\w+) (\S+)$/.exec(line) ?? [];
    const fields = types.get(type) ?? new Map<string, string>();
    types.set(type, fields.set(field, fieldType));
  }
  return types;
}
