import type { z } from 'zod';
import { isRecord } from '../../../shared/base/record.ts';
import type { Form } from '../../../shared/model/form.ts';
import { suggestField } from '../../../shared/model/schema.ts';
import { formatPath } from '../../../shared/model/validate.ts';

/** A field that its kind does not have. */
export interface UnknownField {
  readonly path: readonly PropertyKey[];
  /** `spec.runStrategi` */
  readonly field: string;
  /** What may have been meant, or what there is. */
  readonly hint: string;
}

/**
 * A value without the fields that its schema does not know, and which those were. Fields that are refused by name are
 * left in it, so that whoever checks it says why.
 */
export function pruneUnknown(
  formOf: (schema: z.core.$ZodType) => Form,
  schema: z.core.$ZodType,
  value: unknown,
): { readonly value: unknown; readonly unknown: readonly UnknownField[] } {
  const unknown: UnknownField[] = [];

  function visit(at: z.core.$ZodType, given: unknown, path: readonly PropertyKey[]): unknown {
    if (typeof given !== 'object' || given === null) return given;
    const form = formOf(at);
    if (form.form === 'list' && Array.isArray(given)) {
      return given.map((item, index) => visit(form.element, item, [...path, index]));
    }
    if (form.form === 'map' && isRecord(given)) {
      return mapMembers(given, (name, member) => visit(form.element, member, [...path, name]));
    }
    if (form.form !== 'object' || form.isFree || !isRecord(given)) return given;
    return mapMembers(given, (name, member) => {
      const here = [...path, name];
      const known = Object.hasOwn(form.members, name) ? form.members[name] : undefined;
      if (known !== undefined) return visit(known, member, here);
      if (Object.hasOwn(form.refused, name)) return member;
      unknown.push({
        path: here,
        field: formatPath(here),
        hint: suggestField(name, Object.keys(form.members)),
      });
      return undefined;
    });
  }

  return { value: visit(schema, value, []), unknown };
}

/** Members that become undefined are left out; the object itself is given back where none changes. */
function mapMembers(
  record: Readonly<Record<string, unknown>>,
  change: (name: string, member: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(record);
  const changed = entries.map(([name, member]) => [name, change(name, member)] as const);
  if (changed.every(([, member], index) => member === entries[index]?.[1])) return record;
  return Object.fromEntries(changed.filter(([, member]) => member !== undefined));
}
