import { z } from 'zod';
import { expect, test } from 'vitest';
import { fields, meaningless } from '../../../shared/model/schema.ts';
import { findMeaningless } from '../../../shared/model/warnings.ts';

const WHY = 'nothing here asks for it';
const idle = meaningless(z.string(), WHY);
const leaf = fields({ idle: idle.optional(), works: z.string().optional() }).superRefine(() => {});

const schema = fields({
  inner: leaf.optional(),
  list: z.array(leaf.nullable()).optional(),
  map: z.record(z.string(), leaf.optional()).optional(),
  choice: z.union([z.string(), leaf]).nullish(),
  either: meaningless(z.union([z.string(), z.number()]).transform(String), WHY).optional(),
  whole: meaningless(fields({ deep: idle }), WHY).default({ deep: 'a' }),
  later: z.lazy(() => leaf).optional(),
});

const GIVEN = { idle: 'x', works: 'y' };

test.each<[string, object, readonly string[]]>([
  ['an object', { inner: GIVEN }, ['inner.idle']],
  ['lists', { list: [{ works: 'y' }, null, GIVEN] }, ['list[2].idle']],
  ['a map', { map: { 'a.b/c': GIVEN } }, ['map[a.b/c].idle']],
  ['one of several forms', { choice: GIVEN }, ['choice.idle']],
  ['the other form', { choice: 'idle' }, []],
  ['a field that takes several', { either: 3 }, ['either']],
  ['a struct that means nothing, which is said once', { whole: { deep: 'a' } }, ['whole']],
  ['a schema that is named later', { later: GIVEN }, ['later.idle']],
  ['several fields', { inner: GIVEN, list: [GIVEN, GIVEN] }, ['inner.idle', 'list[0].idle', 'list[1].idle']],
  ['what is null or left out', { inner: { idle: undefined }, choice: null }, []],
  ['what is called like a member of every object', { inner: { constructor: 'x', toString: 'y' } }, []],
])('fields that mean nothing are found in %s', (_, value, paths) => {
  const found = findMeaningless(schema, value);
  expect(found).toEqual(paths.map((field) => ({ field, why: WHY })));
});
