import { expect, test } from 'vitest';
import { canonicalJson } from '../../../shared/base/canonical-json.ts';

test('equal values give equal texts, whatever the order of their members', () => {
  const one = { b: [{ y: 1, x: { d: null, c: 'ä' } }], a: true, 10: 1, 9: 2 };
  const other = { 9: 2, a: true, 10: 1, b: [{ x: { c: 'ä', d: null }, y: 1 }] };
  expect(canonicalJson(one)).toBe(canonicalJson(other));
  expect(canonicalJson({ b: 1, a: { d: 2, c: 3 }, B: 4 })).toBe('{"B":4,"a":{"c":3,"d":2},"b":1}');
});

test('the order of a list is part of its value', () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});

test('members that are undefined are left out, and those that are null are not', () => {
  expect(canonicalJson({ a: undefined, b: null })).toBe('{"b":null}');
});

test('no name of a member is lost, even one that means something to JavaScript', () => {
  const text = '{"__proto__":{"b":1},"constructor":2}';
  expect(canonicalJson(JSON.parse(text))).toBe(text);
});
