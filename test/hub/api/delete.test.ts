import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { ALL_VMS, MERGE, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = (name: string, metadata?: object) => api.call('POST', VMS, machine(name, metadata));
const read = async (name: string) => (await api.call('GET', `${VMS}/${name}`)).body;
const patch = (name: string, body: unknown) => api.call('PATCH', `${VMS}/${name}`, body, MERGE);

describe('deleting', () => {
  test('takes an object away, if it is the one that is meant', async () => {
    const { metadata } = (await create('deleted')).body;
    const attempt = (options: unknown) => api.call('DELETE', `${VMS}/deleted`, options);
    expect((await attempt({ preconditions: { uid: 'another' } })).code).toBe(409);
    expect((await attempt({ preconditions: { resourceVersion: '1' } })).code).toBe(409);
    expect((await attempt({ preconditions: { colour: '1' } })).code).toBe(400);
    expect((await attempt({ dryRun: ['All'] })).code).toBe(200);
    expect((await read('deleted')).metadata.uid).toBe(metadata.uid);
    const { code, body } = await attempt({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: 'Background',
      preconditions: { uid: metadata.uid },
    });
    expect([code, body.kind, body.status, body.details.uid]).toEqual([
      200,
      'Status',
      'Success',
      metadata.uid,
    ]);
    expect((await attempt(undefined)).code).toBe(404);
  });

  test('waits for finalizers', async () => {
    await create('held', { finalizers: ['holdfast.dev/one', 'holdfast.dev/two'] });
    const marked = (await api.call('DELETE', `${VMS}/held`)).body.metadata;
    expect(marked.deletionTimestamp).toMatch(/Z$/);
    expect([marked.deletionGracePeriodSeconds, marked.generation]).toEqual([0, 2]);
    const again = (await api.call('DELETE', `${VMS}/held`)).body.metadata;
    expect(again).toEqual(marked);
    const more = await patch('held', {
      metadata: { finalizers: ['holdfast.dev/one', 'holdfast.dev/three'] },
    });
    expect(more.code).toBe(422);
    const undeleted = await patch('held', { metadata: { deletionTimestamp: null } });
    expect(undeleted.body.metadata.deletionTimestamp).toBe(marked.deletionTimestamp);
    await patch('held', { metadata: { finalizers: ['holdfast.dev/two'] } });
    expect((await read('held')).metadata.finalizers).toEqual(['holdfast.dev/two']);
    expect((await patch('held', { metadata: { finalizers: null } })).code).toBe(200);
    expect((await api.call('GET', `${VMS}/held`)).code).toBe(404);
  });

  test('a collection takes away what is selected', async () => {
    await create('many-1', { labels: { many: 'yes' } });
    await create('many-2', { labels: { many: 'yes' }, finalizers: ['holdfast.dev/one'] });
    await create('many-3', { labels: { many: 'no' } });
    const { code, body } = await api.call('DELETE', `${VMS}?labelSelector=many%3Dyes`);
    expect([code, body.kind, body.items.length]).toEqual([200, 'VirtualMachineList', 2]);
    // Of one namespace: nobody deletes in all of them at once, or all of them.
    for (const path of [`${ALL_VMS}?labelSelector=many`, '/api/v1/namespaces']) {
      const everywhere = await api.call('DELETE', path);
      expect([path, everywhere.code, everywhere.body.reason]).toEqual([path, 405, 'MethodNotAllowed']);
    }
    const left = (await api.call('GET', `${ALL_VMS}?labelSelector=many`)).body.items;
    expect(left.map(({ metadata }) => [metadata.name, metadata.deletionTimestamp !== undefined])).toEqual([
      ['many-2', true],
      ['many-3', false],
    ]);
  });

  test('a namespace is refused while it holds more than events', async () => {
    const namespaces = '/api/v1/namespaces';
    await api.call('POST', namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    await api.call('POST', VMS.replace('default', 'shop'), machine('a'));
    const event = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' }, involvedObject: { name: 'a' } };
    expect((await api.call('POST', `${namespaces}/shop/events`, event)).code).toBe(201);
    const refused = await api.call('DELETE', `${namespaces}/shop`);
    expect([refused.code, refused.body.message]).toEqual([
      409,
      expect.stringContaining('it still holds 1 virtualmachines: delete them first') as string,
    ]);
    expect((await api.call('GET', `${namespaces}/shop/events`)).body.items.length).toBe(1);
    await api.call('DELETE', `${VMS.replace('default', 'shop')}/a`);
    expect((await api.call('DELETE', `${namespaces}/shop`)).code).toBe(200);
    expect((await api.call('GET', '/api/v1/events')).body.items).toEqual([]);
    expect((await api.call('DELETE', `${namespaces}/default`)).code).toBe(403);
    const dotted = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a.b' } };
    expect((await api.call('POST', namespaces, dotted)).code).toBe(422);
  });
});
