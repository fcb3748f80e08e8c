import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { asOneValue, asSet, fields, keyedBy } from '../../../shared/model/schema.ts';
import type { Content, Writer } from '../../../hub/apply/apply.ts';
import { applyConfiguration, trackUpdate } from '../../../hub/apply/apply.ts';
import type { Fields } from '../../../hub/apply/field-set.ts';
import {
  NO_FIELDS,
  difference,
  formatFieldPath,
  formatFields,
  hasPath,
  intersection,
  parseFields,
  pathsOf,
  setOf,
  union,
} from '../../../hub/apply/field-set.ts';
import { createFieldTypes } from '../../../hub/apply/field-type.ts';
import type { Manager } from '../../../hub/apply/managers.ts';

const port = fields({ name: z.string(), protocol: z.string().optional(), port: z.int().optional() });
const schema = fields({
  data: z.record(z.string(), z.string()).optional(),
  spec: fields({ size: z.int().optional(), words: z.array(z.string()).optional() }).optional(),
  ports: keyedBy(['name', 'protocol'], z.array(port)).optional(),
  tags: asSet(z.array(z.string())).optional(),
  selector: asOneValue(fields({ a: z.string().optional(), b: z.string().optional() })).optional(),
});
const type = createFieldTypes()(schema);

const writer = (manager: string): Writer => ({
  manager,
  apiVersion: 'v1',
  subresource: '',
  time: '2026-03-01T08:00:00Z',
  ignored: NO_FIELDS,
});

interface State {
  readonly live: Content;
  readonly managers: readonly Manager[];
}
const NOTHING: State = { live: {}, managers: [] };

function apply({ live, managers }: State, manager: string, configuration: Content, force = false): State {
  const applied = applyConfiguration(type, live, configuration, managers, writer(manager), { force });
  if ('conflicts' in applied) {
    const fought = applied.conflicts.map((one) => `${one.manager.manager} ${formatFieldPath(one.path)}`);
    throw new Error(fought.join(', '));
  }
  // As objects are stored: null means what absence means.
  const kept = Object.entries(applied.content).filter(([, value]) => value !== null);
  return { live: Object.fromEntries(kept), managers: applied.managers };
}

function update({ live, managers }: State, manager: string, next: Content): State {
  return { live: next, managers: trackUpdate(type, live, next, managers, writer(manager)) };
}

const ownedBy = ({ managers }: State, name: string): Fields =>
  formatFields(managers.find(({ manager }) => manager === name)?.fields ?? NO_FIELDS);

describe('applying', () => {
  test('makes what is applied its own, leaf by leaf and item by item', () => {
    const made = apply(NOTHING, 'a', {
      data: { k: 'v' },
      spec: { words: ['x', 'y'] },
      ports: [{ name: 'http', port: 80 }],
      tags: ['t'],
      selector: { a: '1' },
    });
    expect(ownedBy(made, 'a')).toEqual({
      'f:data': { 'f:k': {} },
      'f:spec': { 'f:words': {} },
      'f:ports': { 'k:{"name":"http"}': { '.': {}, 'f:name': {}, 'f:port': {} } },
      'f:tags': { 'v:"t"': {} },
      'f:selector': {},
    });
  });

  test('takes away what it does not hold any more, unless another has it too', () => {
    const one = apply(NOTHING, 'a', { data: { mine: '1', ours: '2' }, tags: ['t', 'u'] });
    const two = apply(one, 'b', { data: { ours: '2', theirs: '3' }, tags: ['u'] });
    const three = apply(two, 'a', { data: {} });
    expect(three.live).toEqual({ data: { ours: '2', theirs: '3' }, tags: ['u'] });
    expect(ownedBy(three, 'a')).toEqual({ 'f:data': {} });
    expect(apply(three, 'b', {}).live).toEqual({});
  });

  test('is a conflict where another has another value, unless it is forced', () => {
    const one = update(apply(NOTHING, 'a', { spec: { size: 1 }, data: { k: '1' } }), 'b', {
      spec: { size: 2 },
      data: { k: '1' },
    });
    expect(ownedBy(one, 'a')).toEqual({ 'f:data': { 'f:k': {} } });
    expect(() => apply(one, 'a', { spec: { size: 1 } })).toThrow('b .spec.size');
    const forced = apply(one, 'a', { spec: { size: 1 } }, true);
    expect([forced.live['spec'], ownedBy(forced, 'b')]).toEqual([{ size: 1 }, {}]);
    expect(apply(one, 'a', { spec: { size: 2 } }).live['spec']).toEqual({ size: 2 });
  });

  test('keeps items in the order of those applied, and those of others between them', () => {
    const item = (name: string, value?: number) => ({ name, ...(value !== undefined && { port: value }) });
    const start = { ...NOTHING, live: { ports: ['x', 'a', 'y', 'b', 'z'].map((name) => item(name)) } };
    const merged = apply(start, 'm', { ports: [item('b', 1), item('a', 2), item('new', 3)] });
    const names = (merged.live['ports'] as { name: string }[]).map(({ name }) => name);
    expect(names.filter((name) => ['a', 'b', 'new'].includes(name))).toEqual(['b', 'a', 'new']);
    expect(names.filter((name) => ['x', 'y', 'z'].includes(name))).toEqual(['x', 'y', 'z']);
    const again = apply(merged, 'm', { ports: [item('b', 1), item('a', 2), item('new', 3)] });
    expect(again.live).toEqual(merged.live);
  });

  test('refuses lists of which items can not be told apart', () => {
    expect(() => apply(NOTHING, 'a', { ports: [{ name: 'p' }, { name: 'p' }] })).toThrow(
      'duplicate entries for key [name="p"]',
    );
    expect(() => apply(NOTHING, 'a', { ports: [{ port: 1 }] })).toThrow(
      'omits all key fields ["name" "protocol"]',
    );
  });

  test('knows fields by the names that every object has', () => {
    const made = apply(NOTHING, 'a', { data: JSON.parse('{"constructor":"1","__proto__":"2"}') as object });
    expect(ownedBy(made, 'a')).toEqual(JSON.parse('{"f:data":{"f:__proto__":{},"f:constructor":{}}}'));
    expect(Object.keys(apply(made, 'a', { data: { x: '1' } }).live['data'] as object)).toEqual(['x']);
  });
});

test('an update makes what it changes its own, and nobody the manager of what it takes away', () => {
  const one = update(NOTHING, 'a', { data: { k: '1', l: '2' }, spec: {} });
  expect(ownedBy(one, 'a')).toEqual({ 'f:data': { '.': {}, 'f:k': {}, 'f:l': {} }, 'f:spec': {} });
  const two = update(one, 'b', { data: { k: '2' } });
  expect(ownedBy(two, 'a')).toEqual({ 'f:data': {} });
  expect(ownedBy(two, 'b')).toEqual({ 'f:data': { 'f:k': {} } });
  expect(update(two, 'c', two.live).managers).toEqual(two.managers);
});

test('of more than ten that update, the oldest are put into one', () => {
  let state = NOTHING;
  for (let index = 0; index < 12; index += 1) {
    state = update(state, `m${index}`, {
      ...state.live,
      data: { ...(state.live['data'] as object), [`k${index}`]: '' },
    });
  }
  expect(state.managers).toHaveLength(10);
  expect(Object.keys(ownedBy(state, 'ancient-changes')['f:data'] ?? {})).toEqual([
    '.',
    'f:k0',
    'f:k1',
    'f:k10',
  ]);
});

const NAMES = ['a', 'b', 'c', 'd'];
const values = fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom('1', '2'), { minKeys: 1 });

test('with maps alone, what is there is what everybody applied last', () => {
  const step = fc.record({ manager: fc.constantFrom('x', 'y', 'z'), data: values });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      let state = NOTHING;
      const wanted = new Map<string, Record<string, string>>();
      for (const { manager, data } of steps) {
        const others = [...wanted].filter(([name]) => name !== manager);
        const fought = Object.entries(data).filter(([key, value]) =>
          others.some(([, held]) => key in held && held[key] !== value),
        );
        const attempt = () => apply(state, manager, { data });
        if (fought.length > 0) expect(attempt).toThrow(`.data.${fought[0]?.[0]}`);
        state = apply(state, manager, { data }, true);
        for (const [, held] of others) for (const [key] of fought) delete held[key];
        wanted.set(manager, { ...data });
        expect(state.live['data'] ?? {}).toEqual(Object.assign({}, ...wanted.values()));
        // Applying the same again changes nothing.
        expect(apply(state, manager, { data })).toEqual(state);
      }
    }),
    { numRuns: 300 },
  );
});

const paths = fc.array(
  fc.array(fc.constantFrom('f:a', 'f:b', 'k:{"n":1}', 'v:"x"'), { minLength: 1, maxLength: 3 }),
);

test('sets of fields are sets, and are read as they were written', () => {
  fc.assert(
    fc.property(paths, paths, (one, other) => {
      const [left, right] = [setOf(one), setOf(other)];
      for (const path of [...one, ...other]) {
        const [inLeft, inRight] = [hasPath(left, path), hasPath(right, path)];
        expect(hasPath(union(left, right), path)).toBe(inLeft || inRight);
        expect(hasPath(difference(left, right), path)).toBe(inLeft && !inRight);
        expect(hasPath(intersection(left, right), path)).toBe(inLeft && inRight);
      }
      expect(pathsOf(parseFields(formatFields(left)) ?? NO_FIELDS)).toEqual(pathsOf(left));
    }),
    { numRuns: 300 },
  );
  expect(parseFields({ 'g:a': {} })).toBeUndefined();
  expect(parseFields([])).toBeUndefined();
});
