import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ObjectKey, Store } from '../../hub/ports.ts';
import { createStore } from '../../hub/store/store.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';

/** The hub's store, read without a transaction. */

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-store-'));
  store = await createStore(join(folder, 'hub.db'));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const keyOf = (name: string, namespace: string): ObjectKey => ({ kind: 'test/Thing', namespace, name });
const thing = (name: string, size: number): ResourceObject => {
  return { apiVersion: 'test/v1', kind: 'Thing', metadata: { name }, spec: { size } };
};
const put = (name: string, size: number, namespace: string) =>
  store.transaction(({ objects }) => objects.put(keyOf(name, namespace), thing(name, size)));
const page = (range: { namespace?: string; after?: { namespace: string; name: string } }) =>
  store.read(async ({ objects }) => {
    const rows = await objects.page('test/Thing', { ...range, limit: 2 });
    return rows.map(({ namespace, name }) => `${namespace}/${name}`);
  });

test('gives objects in pages, of one namespace or of all', async () => {
  for (const [name, namespace] of [
    ['b', 'x'],
    ['a', 'y'],
    ['a', 'x'],
    ['c', 'x'],
  ] as const) {
    await put(name, 1, namespace);
  }
  expect(await page({})).toEqual(['x/a', 'x/b']);
  expect(await page({ after: { namespace: 'x', name: 'b' } })).toEqual(['x/c', 'y/a']);
  expect(await page({ namespace: 'x', after: { namespace: 'x', name: 'b' } })).toEqual(['x/c']);
});

test('tells what has changed since as it was, and no more than is committed', async () => {
  const { metadata } = await put('a', 1, 'x');
  const at = Number(metadata.resourceVersion);
  await put('a', 2, 'x');
  await put('a', 3, 'x');
  await put('new', 1, 'x');
  const past = await store.read(({ objects }) => objects.pastRows('test/Thing', at, { namespace: 'x' }));
  const specs = past?.map(({ name, text }) => [name, text && (JSON.parse(text) as ResourceObject).spec]);
  expect(specs).toEqual([
    ['a', { size: 1 }],
    ['new', undefined],
  ]);
  await store.transaction(async ({ objects }) => {
    await objects.put(keyOf('late', 'x'), thing('late', 1));
    const seen = await store.read((tables) => tables.objects.get(keyOf('late', 'x')));
    expect(seen).toBeUndefined();
  });
  await store.transaction(({ objects }) => objects.pruneChanges(0, 100));
  expect(await store.read(({ objects }) => objects.pastRows('test/Thing', at, {}))).toBeUndefined();
});
