import type { z } from 'zod';
import { formOf, notesOf } from './form.ts';
import { formatPath } from './validate.ts';

/** A field that was given and changes nothing here. */
export interface FieldWarning {
  /** `spec.template.spec.priorityClassName` */
  readonly field: string;
  /** Reads on from "has no effect: ". */
  readonly why: string;
}

/** Every field of a value that its schema marks as meaningless, in the value's order; null counts as absent. */
export function findMeaningless(schema: z.core.$ZodType, value: unknown): FieldWarning[] {
  const found: FieldWarning[] = [];
  const visit = (at: z.core.$ZodType, given: unknown, path: readonly PropertyKey[]) => {
    if (given === undefined || given === null) return;
    const why = notesOf(at).meaningless;
    if (why !== undefined) {
      // What is in it changes nothing either: one warning says so.
      found.push({ field: formatPath(path), why });
      return;
    }
    const form = formOf(at);
    if (form.form === 'choice') {
      const option = form.options.find((each) => (each as z.ZodType).safeParse(given).success);
      if (option !== undefined) visit(option, given, path);
    } else if (form.form === 'list' && Array.isArray(given)) {
      for (const [index, element] of given.entries()) visit(form.element, element, [...path, index]);
    } else if (form.form === 'map' && typeof given === 'object') {
      for (const [name, member] of Object.entries(given)) visit(form.element, member, [...path, name]);
    } else if (form.form === 'object' && typeof given === 'object') {
      for (const [name, member] of Object.entries(given)) {
        const known = Object.hasOwn(form.members, name) ? form.members[name] : undefined;
        if (known !== undefined) visit(known, member, [...path, name]);
      }
    }
  };
  visit(schema, value, []);
  return found;
}
