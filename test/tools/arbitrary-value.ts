import fc from 'fast-check';
import type { z } from 'zod';
import { formOf, isOptional } from '../../shared/model/form.ts';

/** Good values with some of their fields changed, added or taken away, as their schema has it or quite otherwise. */

/** One of these fits nearly every field; few names, so that what names each other meets. */
const WORDS: readonly unknown[] = [
  'a',
  'b',
  '1',
  '64Mi',
  '1Gi',
  '512Mi',
  '50%',
  '5m',
  'http://images.example/a',
  `sha256:${'0'.repeat(64)}`,
  'file:///srv/images',
  'registry.example/shop/pos:1',
  'docker://registry.example/shop/pos:1',
  '/disk/a.img',
  '02:00:5e:00:53:01',
  '10.0.3.0/24',
  'fd00::/64',
  '192.0.2.1',
  'YQ==',
  'q35',
  'virtio',
  'metadata.name',
  'Europe/Berlin',
  '00000000-0000-4000-8000-000000000000',
  '2026-03-01T22:00:00Z',
  '',
  0,
  1,
  2,
  30,
  1000,
  true,
  false,
];
/** What has broken programs before. */
const BAD: readonly unknown[] = [
  null,
  -1,
  0.5,
  1e300,
  'a\0b',
  'a\nb',
  '../../etc/passwd',
  'x'.repeat(300),
  [],
  [null],
  {},
  { a: 1 },
  { constructor: 1 },
];

/** A field of an object in a value: there, or left out. */
interface Place {
  readonly path: readonly PropertyKey[];
  readonly schema: z.core.$ZodType;
}

const MOST_CHANGES = 3;
/** With all that an object may have hardly one would be right as a whole. */
const MOST_OPTIONAL_FIELDS = 2;

/** A good value with a few changes. */
export function bend(schema: z.core.$ZodType, good: unknown): fc.Arbitrary<unknown> {
  const places = placesIn(schema, good, []);
  const change = fc
    .constantFrom(...places)
    .chain((place) => fc.tuple(fc.constant(place.path), changedOf(place.schema)));
  return fc.array(change, { minLength: 1, maxLength: MOST_CHANGES }).map((changes) => {
    const value = structuredClone(good);
    for (const [path, to] of changes) put(value, path, to);
    return value;
  });
}

function placesIn(schema: z.core.$ZodType, value: unknown, path: readonly PropertyKey[]): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const form = formOf(schema);
  const at = value as Record<PropertyKey, unknown>;
  switch (form.form) {
    case 'object':
      return Object.entries(form.members).flatMap(([name, member]) => {
        const here = [...path, name];
        return [{ path: here, schema: member }, ...placesIn(member, at[name], here)];
      });
    case 'list':
      return Object.keys(at).flatMap((index) => placesIn(form.element, at[index], [...path, Number(index)]));
    default:
      return [];
  }
}

/** Sets a member where there still is what it is a member of. */
function put(value: unknown, path: readonly PropertyKey[], to: unknown): void {
  const last = path.at(-1) ?? '';
  let at = value;
  for (const step of path.slice(0, -1)) {
    if (typeof at === 'object' && at !== null) at = (at as Record<PropertyKey, unknown>)[step];
  }
  if (typeof at === 'object' && at !== null) (at as Record<PropertyKey, unknown>)[last] = to;
}

function changedOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 8, arbitrary: fittingOf(schema) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.oneof(fc.constantFrom(...BAD), fc.jsonValue()) },
  );
}

function fittingOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  const form = formOf(schema);
  switch (form.form) {
    case 'object':
      return objectOf(form.members);
    case 'list':
      return fc.array(fittingOf(form.element), { maxLength: 2 });
    case 'map':
      return fc.dictionary(fc.constantFrom('a', 'b', 'example.com/a'), fittingOf(form.element));
    case 'choice':
      return fc.oneof(...form.options.map(fittingOf));
    case 'value': {
      const fitting = [...WORDS, ...wordsOf(schema)].filter(
        (word) => (schema as z.ZodType).safeParse(word).success,
      );
      return fitting.length === 0 ? fc.jsonValue() : fc.constantFrom(...fitting);
    }
  }
}

/** An object with all that it must have and a few of its other fields. */
function objectOf(members: Readonly<Record<string, z.core.$ZodType>>): fc.Arbitrary<unknown> {
  const fields = Object.entries(members);
  const optional = fields.filter(([, member]) => isOptional(member));
  const required = fields.filter(([, member]) => !isOptional(member));
  const most = Math.min(optional.length, MOST_OPTIONAL_FIELDS);
  return fc.subarray(optional, { maxLength: most }).chain((chosen) => {
    const given = [...required, ...chosen].map(([name, member]) => [name, fittingOf(member)] as const);
    return fc.record(Object.fromEntries(given));
  });
}

/** The words that a schema lists itself. */
function wordsOf(schema: z.core.$ZodType): readonly unknown[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'enum':
      return Object.values(def.entries);
    case 'literal':
      return def.values;
    case 'optional':
    case 'nullable':
    case 'default':
      return wordsOf(def.innerType);
    default:
      return [];
  }
}
