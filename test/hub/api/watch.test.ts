import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Seen, Timers, Watching } from './open-watch.ts';
import { createTimers, openWatch } from './open-watch.ts';
import type { TestApi } from './start-api.ts';
import { ALL_VMS, AS_TABLE, MERGE, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
let timers: Timers;
beforeEach(async () => {
  timers = createTimers();
  api = await startApi({ clock: timers.clock });
});
afterEach(() => api.close());

const watch = (query: string, path = VMS, headers: Record<string, string> = {}) =>
  openWatch(`http://${api.address}${path}?watch=true&${query}`, headers);
const create = (name: string, labels: object = {}) => api.call('POST', VMS, machine(name, { labels }));
const label = (name: string, labels: object) =>
  api.call('PATCH', `${VMS}/${name}`, { metadata: { labels } }, MERGE);
const remove = (name: string) => api.call('DELETE', `${VMS}/${name}`);
const newest = async () => String((await api.call('GET', VMS)).body.metadata.resourceVersion);
const shown = (events: readonly Seen[]) =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`);

test('shows what is there, then what changes', async () => {
  await create('a');
  const { events } = await watch('');
  await create('b');
  await label('a', { x: 'y' });
  await remove('b');
  const seen = await events(4);
  expect(shown(seen)).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
  const versions = seen.map(({ object }) => Number(object.metadata.resourceVersion));
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
  expect(new Set(versions).size).toBe(4);
});

test('goes on from a version, in the version of the kind that is asked for', async () => {
  await create('a');
  const from = await newest();
  await create('b');
  await remove('a');
  const { events } = await watch(`resourceVersion=${from}`, VMS.replace('/v1/', '/v1alpha3/'));
  await create('c');
  const seen = await events(3);
  expect(shown(seen)).toEqual(['ADDED b', 'DELETED a', 'ADDED c']);
  expect(new Set(seen.map(({ object }) => object.apiVersion))).toEqual(new Set(['kubevirt.io/v1alpha3']));
});

test('shows objects come into a selection and leave it', async () => {
  await create('in', { tier: 'pos' });
  await create('out');
  const { events } = await watch(`labelSelector=tier%3Dpos&resourceVersion=${await newest()}`, ALL_VMS);
  await label('out', { tier: 'pos' });
  await label('out', { more: 'x' });
  await label('in', { tier: 'video' });
  await label('in', { tier: 'video', more: 'x' });
  await remove('in');
  await remove('out');
  const seen = await events(4);
  expect(shown(seen)).toEqual(['ADDED out', 'MODIFIED out', 'DELETED in', 'DELETED out']);
  expect(seen[2]?.object.metadata.labels).toEqual({ tier: 'pos' });
});

test('keeps to its namespace', async () => {
  await api.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  });
  const inShop = await watch('', VMS.replace('default', 'shop'));
  const everywhere = await watch('', ALL_VMS);
  await create('a');
  await api.call('POST', VMS.replace('default', 'shop'), machine('b'));
  expect(shown(await everywhere.events(2))).toEqual(['ADDED a', 'ADDED b']);
  expect(shown(await inShop.events(1))).toEqual(['ADDED b']);
});

test('marks the end of what was there, and gives bookmarks, where that is asked for', async () => {
  await create('a');
  const streaming = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const { events, ended } = await watch(`${streaming}&timeoutSeconds=77`);
  const version = await newest();
  const initial = await events(2);
  expect(initial.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
  expect(initial[1]?.object).toMatchObject({
    kind: 'VirtualMachine',
    apiVersion: 'kubevirt.io/v1',
    metadata: { resourceVersion: version, annotations: { 'k8s.io/initial-events-end': 'true' } },
  });
  await api.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  });
  timers.goOff(60_000);
  const marked = await events(3);
  expect(marked[2]?.type).toBe('BOOKMARK');
  expect(Number(marked[2]?.object.metadata.resourceVersion)).toBe(Number(version) + 1);
  timers.goOff(77_000);
  expect((await ended).map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK', 'BOOKMARK', 'BOOKMARK']);

  const quiet = await watch('sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=5');
  await create('b');
  await quiet.events(1);
  timers.goOff(5000);
  expect(shown(await quiet.ended)).toEqual(['ADDED b']);
  expect((await api.call('GET', `${VMS}?watch=1&sendInitialEvents=true`)).code).toBe(422);
  expect((await api.call('GET', `${VMS}?watch=1&resourceVersionMatch=Exact`)).code).toBe(422);
});

test('says so where it can not go back that far', async () => {
  await create('a');
  const from = await newest();
  await create('b');
  await api.store.transaction(({ objects }) => objects.pruneChanges(0, 1_000));
  // As upstream it begins, with an event that is an error, and ends: `openWatch` expects the code 200.
  for (const version of [from, '99999']) {
    const seen = await (await watch(`resourceVersion=${version}`)).ended;
    expect(seen).toMatchObject([
      { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', status: 'Failure' } },
    ]);
  }
  const { events } = await watch(`resourceVersion=${await newest()}`);
  await create('c');
  expect(shown(await events(1))).toEqual(['ADDED c']);
});

test('comes as tables where they are asked for', async () => {
  await create('a');
  const { events } = await watch('', VMS, AS_TABLE);
  await remove('a');
  const seen = await events(2);
  expect(seen.map(({ type, object }) => [type, object.kind, object.rows[0]?.cells[0]])).toEqual([
    ['ADDED', 'Table', 'a'],
    ['DELETED', 'Table', 'a'],
  ]);
  expect(seen[1]?.object.rows[0]?.object.metadata.name).toBe('a');
});

test('neither loses nor doubles what is committed while it opens', async () => {
  const put = (name: string, until: Promise<void>) =>
    api.store.transaction(async ({ objects }) => {
      const key = { kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name };
      await objects.put(key, machine(name, { namespace: 'default' }));
      await until;
    });
  let release = () => {};
  const earlier = put('earlier', new Promise((resolve) => (release = resolve)));
  const opening = [watch(''), watch(`resourceVersion=1`)];
  // By then the watches listen, and wait for their turn to read.
  await sleep(100);
  const later = put('later', Promise.resolve());
  release();
  await Promise.all([earlier, later]);
  await create('last');
  for (const { events } of await Promise.all(opening)) {
    expect(shown(await events(3))).toEqual(['ADDED earlier', 'ADDED later', 'ADDED last']);
  }
});

test('neither loses nor doubles a change under way', async () => {
  const changing = (async () => {
    for (let index = 0; index < 120; index += 1) await create(`m-${String(index).padStart(3, '0')}`);
  })();
  const watches: Promise<Watching>[] = [];
  for (let index = 0; index < 12; index += 1) {
    const from = index % 2 === 0 ? '' : `resourceVersion=${await newest()}`;
    const before = (await api.call('GET', VMS)).body.items.length;
    watches.push(watch(from).then((watching) => Object.assign(watching, { before })));
    await sleep(10);
  }
  await changing;
  for (const { events } of await Promise.all(watches.filter((_watch, index) => index % 2 === 0))) {
    expect(shown(await events(120))).toEqual(
      Array.from({ length: 120 }, (_each, index) => `ADDED m-${String(index).padStart(3, '0')}`),
    );
  }
  for (const { events } of await Promise.all(watches.filter((_watch, index) => index % 2 === 1))) {
    const seen = shown(await events(1));
    await expect.poll(() => seen.at(-1)).toBe('ADDED m-119');
    const first = Number(seen[0]?.slice(-3));
    expect(seen.length).toBe(120 - first);
  }
});

test('is closed where its client is too slow, while others go on', async () => {
  const [host = '', port = ''] = api.address.split(':');
  const slow = connect(Number(port), host, () =>
    slow.write(`GET ${VMS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`),
  );
  let closed = false;
  slow.on('close', () => (closed = true)).on('error', () => {});
  await new Promise((resolve) => slow.once('data', resolve));
  slow.pause();
  const quick = await watch('');
  const filler = 'x'.repeat(4000);
  for (let batch = 0; batch < 65; batch += 1) {
    await api.store.transaction(async ({ objects }) => {
      for (let index = 0; index < 100; index += 1) {
        const object = machine('a', {
          namespace: 'default',
          annotations: { filler, at: `${batch}-${index}` },
        });
        await objects.put({ kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name: 'a' }, object);
      }
      await objects.pruneChanges(0, 1_000);
    });
    await quick.events((batch + 1) * 100);
  }
  slow.resume();
  await expect.poll(() => closed, { timeout: 5000 }).toBe(true);
  expect(api.errors).toEqual([]);
});

test('ends when its client goes, and at once when the hub does', async () => {
  const controller = new AbortController();
  const left = await fetch(`http://${api.address}${VMS}?watch=true&timeoutSeconds=99`, {
    signal: controller.signal,
  });
  expect(left.status).toBe(200);
  const { ended } = await watch('timeoutSeconds=98');
  const pending = (seconds: number) => timers.pending(seconds * 1000);
  expect([pending(99), pending(98)]).toEqual([true, true]);
  controller.abort();
  await expect.poll(() => pending(99)).toBe(false);
  const started = performance.now();
  await api.close();
  await ended.catch(() => {});
  expect(performance.now() - started).toBeLessThan(1000);
  expect(pending(98)).toBe(false);
  api = await startApi();
});
