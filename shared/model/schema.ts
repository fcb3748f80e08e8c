import { z } from 'zod';
import { parseQuantity } from '../base/quantity.ts';

/**
 * The pieces that every resource's schema is made of. All objects are strict: a field that is not named is
 * refused, with what the reader can do about it.
 */

/** A DNS-1123 label (RFC 1123): at most 63 of a-z, 0-9 and '-', starting and ending with a letter or digit. */
export const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS-1123 label: lower case letters, digits and "-"');

/** A DNS-1123 subdomain: labels joined by dots, at most 253 characters. */
export const dnsSubdomain = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'must be a DNS-1123 subdomain: lower case letters, digits, "-" and "."',
  );

const QUANTITY_FORM = 'must be a quantity such as 512Mi, 2G or 1.5';

/** A Kubernetes quantity of something that can't be negative, as text (`512Mi`) or as a bare number. */
export const quantity = z
  .union([z.string(), z.number()], {
    // A union's own words would name neither what is missing nor what is wrong.
    error: ({ input }) => (input === undefined ? 'Invalid input: received undefined' : QUANTITY_FORM),
  })
  .refine((value) => (parseQuantity(String(value)) ?? -1) >= 0, QUANTITY_FORM)
  .transform(String);

/** A quantity of which zero makes no sense (memory, a disk's size). */
export const positiveQuantity = quantity.refine(
  (value) => (parseQuantity(value) ?? 0) >= 1,
  'must be greater than zero',
);

export const base64 = z
  .string()
  .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'must be base64 text');

/**
 * One line of text that shows all it holds. Such text becomes words of command lines and logs, where a NUL would end
 * one word and begin another, and a line break or an invisible character would hide what is there.
 */
export const printable = z
  .string()
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'must be printable text: no control characters, no line breaks');

/** What an interface of Linux may be called (15 characters, no "/" or white space). */
export const interfaceName = z
  .string()
  .regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, 'must be the name of a network interface');

export const timestamp = z.iso.datetime({ offset: true });

/** Fields of a foreign format that are refused: by name, why; it reads on from "is not supported: ". */
export type RefusedFields = Readonly<Record<string, string>>;

/**
 * An object of exactly these fields. Each field of KubeVirt's format is in one of three tables: those of `shape`
 * work, or are taken and do nothing here where they are marked with `meaningless`; `refused` says of all others why
 * they are not run, so that nobody takes them for a typing error. Both marks are metadata of the schema
 * (`.meta()`), from which warnings and documentation are made.
 */
export function fields<Shape extends z.core.$ZodLooseShape>(shape: Shape, refused: RefusedFields = {}) {
  const schema = z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => describeUnknownKey(key, Object.keys(shape), refused)).join('\n')
        : undefined,
  });
  return Object.keys(refused).length === 0 ? schema : schema.meta({ refused });
}

/** Marks a field that is taken, kept, and changes nothing here; whoever writes it is warned, with `why`. */
export function meaningless<Schema extends z.ZodType>(schema: Schema, why: string): Schema {
  return schema.meta({ ...schema.meta(), meaningless: why });
}

/**
 * How server-side apply merges a list or an object, by the names that Kubernetes' OpenAPI documents have for it: a list
 * without a mark, and an object that is marked so, is one value.
 */
export const LIST_TYPE = 'x-kubernetes-list-type';
export const LIST_MAP_KEYS = 'x-kubernetes-list-map-keys';
export const MAP_TYPE = 'x-kubernetes-map-type';

/** A list whose items are known by these fields of theirs. */
export function keyedBy<Schema extends z.ZodType>(keys: readonly string[], list: Schema): Schema {
  return list.meta({ ...list.meta(), [LIST_TYPE]: 'map', [LIST_MAP_KEYS]: keys });
}

/** A list of values of which each is there once, in whatever order. */
export function asSet<Schema extends z.ZodType>(list: Schema): Schema {
  return list.meta({ ...list.meta(), [LIST_TYPE]: 'set' });
}

/** An object that is written as a whole. */
export function asOneValue<Schema extends z.ZodType>(object: Schema): Schema {
  return object.meta({ ...object.meta(), [MAP_TYPE]: 'atomic' });
}

/** What the message for a refused field begins with. */
export const NOT_SUPPORTED = 'is not supported: ';

function describeUnknownKey(key: string, known: readonly string[], refused: RefusedFields): string {
  const why = Object.hasOwn(refused, key) ? refused[key] : undefined;
  if (why !== undefined) return `${NOT_SUPPORTED}${why}`;
  return `unknown field; ${suggestField(key, known)}`;
}

/** What may have been meant by a field that is not known, or what there is. */
export function suggestField(key: string, known: readonly string[]): string {
  const meant = known.find((name) => isNearly(name.toLowerCase(), key.toLowerCase()));
  return meant === undefined ? `known here: ${known.join(', ')}` : `did you mean "${meant}"?`;
}

/** Whether two names differ by at most one inserted, dropped or changed letter, or two swapped ones. */
function isNearly(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}
