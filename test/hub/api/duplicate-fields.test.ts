import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findDuplicateFields } from '../../../hub/api/write/duplicate-fields.ts';

test('fields that are there twice are found, wherever they are and however they are written', () => {
  const text = String.raw`{ "a":1, "b" : [ {"c":"}\\\"", "c":[ ] , "c":null}, {"c":1} ],"\u0061":{"d":{},"d":-1e3}, "e":"" }`;
  expect(findDuplicateFields(text)).toEqual(['b[0].c', 'a', 'a.d']);
});

test('no value has any', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 1), (value, indent) => {
      expect(findDuplicateFields(JSON.stringify(value, null, indent))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
