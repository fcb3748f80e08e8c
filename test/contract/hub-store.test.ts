import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DeviceRow, MachineRow, ObjectChange, ObjectKey, Store } from '../../hub/ports.ts';
import { createStore, createStoreIn } from '../../hub/store/store.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';

let path: string;
let store: Store;

beforeEach(async () => {
  path = join(mkdtempSync(join(tmpdir(), 'holdfast-store-')), 'hub.db');
  store = await createStore(path);
});
afterEach(async () => {
  await store.close();
  rmSync(dirname(path), { recursive: true });
});

const keyOf = (name: string, namespace = 'default', kind = 'test/Thing'): ObjectKey => ({
  kind,
  namespace,
  name,
});

function thing(name: string, size = 1): ResourceObject {
  return { apiVersion: 'test/v1', kind: 'Thing', metadata: { name }, spec: { size } };
}

const put = (name: string, size?: number, namespace?: string, kind?: string) =>
  store.transaction(({ objects }) => objects.put(keyOf(name, namespace, kind), thing(name, size)));
const read = (name: string) => store.transaction(({ objects }) => objects.get(keyOf(name)));
const since = (version: number, kind = 'test/Thing') =>
  store.transaction(({ objects }) => objects.changesSince(kind, version, 1_000));

async function reopen(): Promise<void> {
  await store.close();
  store = await createStore(path);
}

describe('objects', () => {
  test('are given back as they were put, with versions that rise over all kinds', async () => {
    expect(await store.transaction(({ objects }) => objects.resourceVersion())).toBe(0);
    expect((await put('a')).metadata.resourceVersion).toBe('1');
    expect((await put('a', 1, '', 'test/Other')).metadata.resourceVersion).toBe('2');
    expect((await put('a', 2)).metadata.resourceVersion).toBe('3');
    expect(await read('a')).toEqual({ ...thing('a', 2), metadata: { name: 'a', resourceVersion: '3' } });
    expect(await read('b')).toBeUndefined();
    expect(await store.transaction(({ objects }) => objects.resourceVersion())).toBe(3);
  });

  test('are listed by namespace and name', async () => {
    for (const [name, namespace] of [
      ['b', 'x'],
      ['a', 'y'],
      ['a', 'x'],
      ['a-b', 'x'],
    ] as const) {
      await put(name, 1, namespace);
    }
    const names = async (namespace?: string) => {
      const listed = await store.transaction(({ objects }) => objects.list('test/Thing', namespace));
      return listed.map(({ metadata }) => metadata.name);
    };
    expect(await names()).toEqual(['a', 'a-b', 'b', 'a']);
    expect(await names('x')).toEqual(['a', 'a-b', 'b']);
    expect(await names('z')).toEqual([]);
  });

  test('do not change when written as they are', async () => {
    await put('a');
    const changes: ObjectChange[] = [];
    store.onChange((change) => changes.push(change));
    expect((await put('a')).metadata.resourceVersion).toBe('1');
    expect(changes).toEqual([]);
    await store.transaction(({ objects }) => objects.remove(keyOf('b')));
    expect(await since(1)).toEqual([]);
  });
});

describe('changes', () => {
  test('are logged with what was before', async () => {
    await put('a', 1);
    await put('a', 2);
    await store.transaction(({ objects }) => objects.remove(keyOf('a')));
    await put('other', 1, '', 'test/Other');
    const changes = (await since(0)) ?? [];
    expect(changes.map(({ type, resourceVersion }) => [type, resourceVersion])).toEqual([
      ['ADDED', 1],
      ['MODIFIED', 2],
      ['DELETED', 3],
    ]);
    expect(changes.map(({ object }) => object.metadata.resourceVersion)).toEqual(['1', '2', '3']);
    expect(changes.map(({ previous }) => previous?.metadata.resourceVersion)).toEqual([undefined, '1', '2']);
    expect(changes[2]?.object.spec).toEqual({ size: 2 });
    expect((await since(2))?.length).toBe(1);
  });

  test('are heard after the commit, in order, and before anybody learns of it', async () => {
    const heard: number[] = [];
    const stop = store.onChange(({ resourceVersion }) => heard.push(resourceVersion));
    const first = store.transaction(async ({ objects }) => {
      await objects.put(keyOf('a'), thing('a'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await objects.put(keyOf('b'), thing('b'));
      expect(heard).toEqual([]);
    });
    await first;
    expect(heard).toEqual([1, 2]);
    await Promise.all([put('c').then(() => expect(heard).toContain(3)), put('d')]);
    expect(heard).toEqual([1, 2, 3, 4]);
    stop();
    await put('e');
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  test('are forgotten a few at a time where there are many', async () => {
    for (let size = 1; size <= 10; size += 1) await put('a', size);
    const prune = () => store.transaction(({ objects }) => objects.pruneChanges(3, 5));
    expect(await prune()).toBe(5);
    expect(await since(4)).toBeUndefined();
    expect((await since(5))?.length).toBe(5);
    expect(await prune()).toBe(2);
    expect(await prune()).toBe(0);
    expect((await since(7))?.length).toBe(3);
  });

  test('are forgotten by pruning, which is said', async () => {
    for (let size = 1; size <= 10; size += 1) await put('a', size);
    await store.transaction(({ objects }) => objects.pruneChanges(3, 1_000));
    expect(await since(6)).toBeUndefined();
    expect((await since(7))?.map(({ resourceVersion }) => resourceVersion)).toEqual([8, 9, 10]);
    expect(await since(6, 'test/Other')).toBeUndefined();
    await store.transaction(({ objects }) => objects.pruneChanges(100, 1_000));
    expect((await since(7))?.length).toBe(3);
    await reopen();
    expect(await since(6)).toBeUndefined();
    await store.transaction(({ objects }) => objects.pruneChanges(0, 1_000));
    expect(await since(9)).toBeUndefined();
    expect(await since(10)).toEqual([]);
  });
});

describe('a transaction', () => {
  test('that throws leaves nothing behind', async () => {
    const changes: ObjectChange[] = [];
    store.onChange((change) => changes.push(change));
    const failing = store.transaction(async ({ objects, devices }) => {
      await objects.put(keyOf('a'), thing('a'));
      await devices.put(device);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await read('a')).toBeUndefined();
    expect(await store.transaction(({ devices }) => devices.list())).toEqual([]);
    expect(changes).toEqual([]);
    expect((await put('b')).metadata.resourceVersion).toBe('1');
  });

  test('runs alone', async () => {
    const count = async () =>
      store.transaction(async ({ objects }) => {
        const current = await objects.get(keyOf('n'));
        const size = (current?.spec as { size: number } | undefined)?.size ?? 0;
        await new Promise((resolve) => setImmediate(resolve));
        await objects.put(keyOf('n'), thing('n', size + 1));
      });
    await Promise.all(Array.from({ length: 50 }, count));
    expect((await read('n'))?.spec).toEqual({ size: 50 });
  });

  test('that fails undoes nothing of those that are committed with it', async () => {
    const changes: number[] = [];
    store.onChange(({ resourceVersion }) => changes.push(resourceVersion));
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((name) =>
        store.transaction(async ({ objects }) => {
          await objects.put(keyOf(name), thing(name));
          if (name === 'b') throw new Error('no');
          return objects.resourceVersion();
        }),
      ),
    );
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : 'no'))).toEqual([1, 'no', 2, 3]);
    expect(changes).toEqual([1, 2, 3]);
    await reopen();
    expect(await read('b')).toBeUndefined();
    expect((await since(0))?.map(({ key }) => key.name)).toEqual(['a', 'c', 'd']);
  });

  test('shares its commit with those that wait at the same time', async () => {
    const statements: string[] = [];
    const file = new Sqlite(join(dirname(path), 'counted.db'), {
      verbose: (sql) => statements.push(String(sql)),
    });
    const counted = await createStoreIn(
      file,
      'counted',
      () => new Promise((resolve) => setImmediate(resolve)),
    );
    statements.length = 0;
    await Promise.all(
      Array.from({ length: 50 }, (_, number) =>
        counted.transaction(({ objects }) => objects.put(keyOf(`m${number}`), thing(`m${number}`))),
      ),
    );
    expect(statements.filter((sql) => sql === 'commit')).toHaveLength(1);
    await counted.close();
  });

  test('of several that the disk has no room for tells each of them, and leaves nothing behind', async () => {
    const file = new Sqlite(join(dirname(path), 'small.db'));
    const small = await createStoreIn(file, 'small', async () => {});
    file.pragma(`max_page_count = ${Number(file.pragma('page_count', { simple: true })) + 4}`);
    const write = (name: string) =>
      small.transaction(({ objects }) => objects.put(keyOf(name), thing('x'.repeat(3_000))));
    const names = ['a', 'b', 'c', 'd'];
    const outcomes = await Promise.allSettled(names.map(write));
    const failed = names.filter((_, index) => outcomes[index]?.status === 'rejected');
    expect(failed).toContain('a');
    for (const name of names) {
      const found = await small.transaction(({ objects }) => objects.get(keyOf(name)));
      expect(found === undefined, name).toBe(failed.includes(name));
    }
    file.pragma('max_page_count = 1000');
    await write('e');
    expect(await small.transaction(({ objects }) => objects.get(keyOf('e')))).toBeDefined();
    await small.close();
  });
});

const status: NonNullable<MachineRow['status']> = {
  uid: 'u1',
  namespace: 'default',
  name: 'm',
  kind: 'VirtualMachine',
  generation: 1,
  state: 'Running',
  reason: 'Running',
  message: 'runs',
  since: '2026-01-01T00:00:00Z',
  interfaces: [],
};
const row: MachineRow = {
  uid: 'u1',
  kind: 'VirtualMachine',
  namespace: 'default',
  name: 'm',
  device: 'edge-1',
  removing: false,
};
const device: DeviceRow = {
  name: 'edge-1',
  epoch: 'e',
  connection: 3,
  protocol: 1,
  agentVersion: '0.1.0',
  presence: 'connected',
  presenceSinceMs: 1_800_000_000_000,
  generation: 2,
  desiredHash: 'h',
  heldGeneration: 1,
  problems: ['one', 'two'],
  clockAheadMs: -5,
  untold: false,
  boots: [],
  returns: 0,
};

test('machines are kept by uid and found by device', async () => {
  const full: MachineRow = {
    ...row,
    removing: true,
    status,
    reportedAtMs: 5,
    reportedEpoch: 'e',
    heldBack: { reason: 'Gone', generation: 3 },
  };
  await store.transaction(async ({ machines }) => {
    await machines.put(row);
    await machines.put({ ...row, uid: 'u2', name: 'a', device: 'edge-2' });
    expect(await machines.get('u1')).toEqual(row);
    await machines.put(full);
  });
  await reopen();
  await store.transaction(async ({ machines }) => {
    expect(await machines.list('edge-1')).toEqual([full]);
    expect((await machines.list()).map(({ uid }) => uid)).toEqual(['u2', 'u1']);
    await machines.remove('u1');
    expect(await machines.get('u1')).toBeUndefined();
  });
});

test('the devices of a large fleet are written at once', async () => {
  const rows = Array.from({ length: 20_000 }, (_, index) => ({ ...device, name: `edge-${index}` }));
  await store.transaction(({ devices }) => devices.putMany(rows));
  expect(await store.transaction(async ({ devices }) => (await devices.list()).length)).toBe(20_000);
});

test('what a device holds is kept by its machine', async () => {
  const held = { device: 'edge-1', uid: 'u1', entry: { uid: 'u1' }, heardAtMs: 5, epoch: 'e' };
  await store.transaction(async (tables) => {
    await tables.held.put(held);
    await tables.held.put({ ...held, device: 'edge-2' });
    await tables.held.put({ ...held, uid: 'u0' });
    await tables.held.put({ ...held, status });
  });
  await reopen();
  await store.transaction(async (tables) => {
    expect(await tables.held.list('edge-1')).toEqual([
      { ...held, uid: 'u0' },
      { ...held, status },
    ]);
    expect(await tables.held.get('edge-2', 'u1')).toEqual({ ...held, device: 'edge-2' });
    await tables.held.remove('edge-1', 'u1');
    expect(await tables.held.get('edge-1', 'u1')).toBeUndefined();
    await tables.held.removeDevice('edge-1');
    expect(await tables.held.list('edge-1')).toEqual([]);
    expect(await tables.held.list('edge-2')).toHaveLength(1);
  });
});

test('devices are kept by name', async () => {
  await store.transaction(async ({ devices }) => {
    await devices.put(device);
    expect(await devices.get('edge-1')).toEqual(device);
    await devices.put({ ...device, presence: 'unknown', problems: [], untold: true });
  });
  await reopen();
  await store.transaction(async ({ devices }) => {
    expect(await devices.list()).toEqual([{ ...device, presence: 'unknown', problems: [], untold: true }]);
    expect(await devices.get('edge-2')).toBeUndefined();
  });
});

test('which objects are owned by which is known, and which owners are to be looked at', async () => {
  const owner = { apiVersion: 'test/v1', kind: 'Thing', name: 'owner' };
  const owned = (name: string, uids: readonly string[], more: object = {}): ResourceObject => ({
    ...thing(name),
    metadata: { name, uid: `uid-${name}`, ownerReferences: uids.map((uid) => ({ ...owner, uid })), ...more },
  });
  const write = (object: ResourceObject) =>
    store.transaction(({ objects }) => objects.put(keyOf(object.metadata.name), object));
  const dependents = async (uid: string) => {
    const keys = await store.transaction(({ owners }) => owners.dependents(uid, 10));
    return keys.map(({ name }) => name);
  };
  const garbage = async () =>
    (await store.transaction(({ owners }) => owners.garbage())).map(({ uid }) => uid);
  await write(owned('a', ['1', '2']));
  await write(owned('b', ['1', '1']));
  await write(owned('a', ['2']));
  expect([await dependents('1'), await dependents('2')]).toEqual([['b'], ['a']]);
  expect(await garbage()).toEqual([]);

  await write(owned('1', [], { uid: '1' }));
  await store.transaction(({ objects }) => objects.remove(keyOf('1')));
  expect(await garbage()).toEqual(['1']);
  const going = { deletionTimestamp: '2026-03-01T08:00:00Z', finalizers: ['foregroundDeletion'] };
  await write(owned('c', [], going));
  expect(await garbage()).toEqual(['1', 'uid-c']);
  await store.transaction(({ owners }) => owners.settle('1'));
  await reopen();
  expect(await garbage()).toEqual(['uid-c']);
  await store.transaction(({ objects }) => objects.remove(keyOf('b')));
  expect(await dependents('1')).toEqual([]);
});
