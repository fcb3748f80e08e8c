import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { positiveQuantity, quantity } from '../../../shared/model/schema.ts';
import { formatCauses, formatPath, validate } from '../../../shared/model/validate.ts';
import { labels, objectMeta } from '../../../shared/model/metadata.ts';

test.each([
  [[], ''],
  [['spec'], 'spec'],
  [['spec', 'volumes', 2, 'name'], 'spec.volumes[2].name'],
  [['metadata', 'labels', 'a.b/c'], 'metadata.labels[a.b/c]'],
  [['metadata', 'labels', 'app', 'x-y_z'], 'metadata.labels.app.x-y_z'],
  [[0, 'a', 1, 2], '[0].a[1][2]'],
  [['a', ''], 'a[]'],
  [['a', '0'], 'a[0]'],
] as const)('the path %j is written %s', (path, text) => {
  expect(formatPath(path)).toBe(text);
});

test('causes are one line, each with its field where it has one', () => {
  const text = formatCauses([
    { field: 'spec.a', reason: 'FieldValueInvalid', message: 'is wrong' },
    { field: '', reason: 'FieldValueInvalid', message: 'is no object' },
  ]);
  expect(text).toBe('spec.a: is wrong; is no object');
});

const causesOf = (schema: z.ZodType, input: unknown) => {
  const result = validate(schema, input);
  return result.ok ? [] : result.causes;
};

describe('a value', () => {
  test('that is right comes back as the schema reads it', () => {
    expect(validate(quantity, 5)).toEqual({ ok: true, value: '5' });
  });

  test.each([null, 'text', 5, [], undefined])('%j in place of an object is refused as a whole', (input) => {
    expect(causesOf(objectMeta, input)).toMatchObject([{ field: '' }]);
  });

  test.each(['lots', '-1', true, {}, '1K'])('%j is told what a quantity looks like', (input) => {
    const message = expect.stringContaining('such as 512Mi') as string;
    expect(causesOf(z.object({ size: quantity }), { size: input })).toEqual([
      { field: 'size', reason: 'FieldValueInvalid', message },
    ]);
  });

  test.each(['0', 0, '0Gi', '500m'])('%j is too little where there must be some', (input) => {
    expect(causesOf(positiveQuantity, input)).toMatchObject([{ message: 'must be greater than zero' }]);
  });

  test('that is missing is required, whatever its type', () => {
    const schema = z.object({ name: z.string(), size: quantity, list: z.array(z.string()) });
    const missing = { reason: 'FieldValueRequired', message: 'is required' };
    expect(causesOf(schema, {})).toEqual([
      { field: 'name', ...missing },
      { field: 'size', ...missing },
      { field: 'list', ...missing },
    ]);
  });
});

describe('labels', () => {
  test.each([
    ['app', 'pos'],
    ['a.b/c', ''],
    ['kubernetes.io/hostname', 'edge-1'],
    ['A', 'x'.repeat(63)],
  ])('%s=%s is one', (key, value) => {
    expect(causesOf(labels, { [key]: value })).toEqual([]);
  });

  test.each(['a b', '-a', 'a/b/c', '', '/a', 'x'.repeat(64), 'UPPER.example/a'])(
    'the key %j is refused at its place, and told what a key looks like',
    (key) => {
      const message = expect.stringContaining('qualified name') as string;
      expect(causesOf(z.object({ labels }), { labels: { [key]: 'x' } })).toEqual([
        { field: formatPath(['labels', key]), reason: 'FieldValueInvalid', message },
      ]);
    },
  );

  test.each(['a b', '-a', 'x'.repeat(64)])('the value %j is refused at its place', (value) => {
    expect(causesOf(z.object({ labels }), { labels: { 'a.b/c': value } })).toMatchObject([
      { field: 'labels[a.b/c]' },
    ]);
  });
});
