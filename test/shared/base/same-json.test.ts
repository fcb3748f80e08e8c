import { expect, test } from 'vitest';
import { isSameJson } from '../../../shared/base/same-json.ts';

const SAME: [unknown, unknown][] = [
  [1, 1],
  [null, null],
  [[], []],
  [
    { a: 1, b: [{ c: 'x' }] },
    { b: [{ c: 'x' }], a: 1 },
  ],
  [{ a: 1, b: undefined }, { a: 1 }],
  [{ a: 1 }, { a: 1, b: undefined }],
];

test.each(SAME)('%j is %j', (one, other) => expect(isSameJson(one, other)).toBe(true));

const OTHER: [unknown, unknown][] = [
  [1, '1'],
  [0, null],
  [{}, null],
  [{}, []],
  [[1], [1, 2]],
  [
    [1, 2],
    [2, 1],
  ],
  [{ a: 1 }, { a: 1, b: null }],
  [{ a: 1, b: null }, { a: 1 }],
  [{ a: { b: [1] } }, { a: { b: [2] } }],
  [{ a: 1 }, { b: 1 }],
];

test.each(OTHER)('%j is not %j', (one, other) => expect(isSameJson(one, other)).toBe(false));
