import type { InstancetypeSpec } from '../../shared/model/instancetype.ts';
import type { InstanceSpec } from '../../shared/model/instance-spec.ts';
import { runnableSpec } from '../../shared/model/instance-spec.ts';
import type { PreferenceSpec } from '../../shared/model/preference.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import { validate } from '../../shared/model/validate.ts';
import type { Fill } from './expansion.ts';
import { createExpansion } from './expansion.ts';
import { applyInstancetype, findConflicts, findUnevenSpread } from './instancetype.ts';
import { applyPreference } from './preference.ts';
import { checkRequirements } from './requirements.ts';

/** A machine's template with what its instancetype and its preference add to it: pure. */

export interface Template {
  readonly spec: InstanceSpec;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What a machine refers to for the rest of its description. */
export interface Profile {
  readonly instancetype?: InstancetypeSpec | undefined;
  readonly preference?: PreferenceSpec | undefined;
}

export type Expanded =
  | { readonly ok: true; readonly template: Template }
  /** Paths are those of the VirtualMachine. */
  | { readonly ok: false; readonly causes: readonly FieldCause[] };

const TEMPLATE = 'spec.template.spec';

export function expandTemplate(template: Template, { instancetype, preference }: Profile): Expanded {
  const conflicts = [
    ...(instancetype === undefined ? [] : conflictsWith(template, instancetype, preference)),
    ...(preference === undefined ? [] : checkRequirements(template.spec, instancetype, preference)),
  ];
  if (conflicts.length > 0) return { ok: false, causes: conflicts };
  const expansion = createExpansion(template.spec);
  if (instancetype !== undefined) applyInstancetype(expansion, instancetype, preference);
  if (preference !== undefined) applyPreference(expansion, preference);
  const checked = validate(runnableSpec, expansion.spec);
  if (!checked.ok)
    return { ok: false, causes: checked.causes.map((cause) => tellSource(cause, expansion.fills)) };
  const annotations = { ...preference?.annotations, ...instancetype?.annotations, ...template.annotations };
  return { ok: true, template: { spec: checked.value, annotations } };
}

function conflictsWith(
  { spec, annotations }: Template,
  instancetype: InstancetypeSpec,
  preference: PreferenceSpec | undefined,
): FieldCause[] {
  const uneven = findUnevenSpread(instancetype, preference);
  const others = Object.entries(instancetype.annotations ?? {}).filter(
    ([key, value]) => annotations[key] !== undefined && annotations[key] !== value,
  );
  return [
    ...findConflicts(spec, instancetype).map((cause) => ({ ...cause, field: `${TEMPLATE}.${cause.field}` })),
    ...others.map(([key]): FieldCause => {
      const message = "conflicts with the instancetype's spec.annotations: give one of the two";
      return { field: `spec.template.metadata.annotations[${key}]`, reason: 'FieldValueInvalid', message };
    }),
    ...(uneven === undefined
      ? []
      : [{ field: 'spec.preference', reason: 'FieldValueInvalid' as const, message: uneven }]),
  ];
}

/** Of what can't be run, whether it came from the machine's own spec or was filled in, and from where. */
function tellSource(cause: FieldCause, fills: readonly Fill[]): FieldCause {
  const { field, reason } = cause;
  // What is refused as a whole is named by a field above what was filled in.
  const isWhole = reason === 'FieldValueNotSupported' || reason === 'FieldValueForbidden';
  const fill = fills.findLast(({ target }) => isUnder(field, target) || (isWhole && isUnder(target, field)));
  if (fill === undefined) return { ...cause, field: `${TEMPLATE}.${cause.field}` };
  const message = `its spec.${fill.source} gives ${TEMPLATE}.${cause.field}: ${cause.message}`;
  return { ...cause, field: `spec.${fill.from}`, message };
}

function isUnder(field: string, above: string): boolean {
  return field === above || field.startsWith(`${above}.`) || field.startsWith(`${above}[`);
}
