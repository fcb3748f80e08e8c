import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { MERGE, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = (name: string, metadata?: object) => api.call('POST', VMS, machine(name, metadata));
const read = async (name: string) => (await api.call('GET', `${VMS}/${name}`)).body;
const patch = (name: string, body: unknown) => api.call('PATCH', `${VMS}/${name}`, body, MERGE);

describe('updating', () => {
  test('needs the version that was read, and no other', async () => {
    const { body } = await create('updated');
    const put = (object: unknown) => api.call('PUT', `${VMS}/updated`, object);
    const { resourceVersion, ...unversioned } = body.metadata as Record<string, unknown>;
    expect((await put({ ...machine('updated'), metadata: unversioned })).code).toBe(422);
    const labelled = { ...unversioned, resourceVersion, labels: { a: 'b' } };
    expect((await put({ ...machine('updated'), metadata: labelled })).code).toBe(200);
    const late = await put({ ...machine('updated'), metadata: labelled });
    expect([late.code, late.body.reason]).toEqual([409, 'Conflict']);
    expect(late.body.message).toMatch(
      /^Operation cannot be fulfilled on virtualmachines\.kubevirt\.io "updated": the object/,
    );
    const current = (await read('updated')).metadata as object;
    expect((await put({ ...machine('updated'), metadata: { ...current, uid: 'another' } })).code).toBe(409);
    const moved = { ...current, creationTimestamp: '2001-01-01T00:00:00Z' };
    expect((await put({ ...machine('updated'), metadata: moved })).code).toBe(422);
    expect((await put(machine('other'))).code).toBe(400);
    expect((await api.call('PUT', `${VMS}/none`, machine('none'))).code).toBe(404);
  });

  test('raises the generation when the spec changes, and the version when anything does', async () => {
    const { metadata } = (await create('counted')).body;
    const same = (await patch('counted', { spec: { runStrategy: 'Halted' } })).body.metadata;
    expect(same).toEqual(metadata);
    const labelled = (await patch('counted', { metadata: { labels: { a: 'b' } } })).body.metadata;
    expect(labelled.generation).toBe(1);
    expect(Number(labelled.resourceVersion)).toBeGreaterThan(Number(metadata.resourceVersion));
    expect((await patch('counted', { spec: { runStrategy: 'Always' } })).body.metadata.generation).toBe(2);
    const tried = await api.call(
      'PATCH',
      `${VMS}/counted?dryRun=All`,
      { spec: { runStrategy: 'Once' } },
      MERGE,
    );
    expect([tried.code, tried.body.spec.runStrategy]).toEqual([200, 'Once']);
    expect((await read('counted')).spec.runStrategy).toBe('Always');
  });

  test('leaves the status alone, and updating the status all else', async () => {
    await create('split');
    const status = { printableStatus: 'Running' };
    const written = await api.call(
      'PATCH',
      `${VMS}/split/status`,
      { status, spec: { runStrategy: 'Once' } },
      MERGE,
    );
    expect([written.code, written.body.status, written.body.spec.runStrategy]).toEqual([
      200,
      status,
      'Halted',
    ]);
    expect(written.body.metadata.generation).toBe(1);
    const main = await patch('split', {
      status: { printableStatus: 'Stopped' },
      metadata: { labels: { a: 'b' } },
    });
    expect([main.body.status, main.body.metadata.labels]).toEqual([status, { a: 'b' }]);
    const { metadata } = await read('split');
    const put = await api.call('PUT', `${VMS}/split/status`, {
      ...machine('split', { ...(metadata as object), labels: { c: 'd' } }),
      status: { printableStatus: 'Stopped' },
    });
    expect([put.body.status.printableStatus, put.body.metadata.labels]).toEqual(['Stopped', { a: 'b' }]);
    expect((await api.call('PATCH', `${VMS}/split/status`, { status: { ready: 1 } }, MERGE)).code).toBe(422);
    expect((await api.call('GET', `${VMS}/split/status`)).body.kind).toBe('VirtualMachine');
    expect((await api.call('DELETE', `${VMS}/split/status`)).code).toBe(405);
    expect((await api.call('GET', '/api/v1/namespaces/default/events/x/status')).code).toBe(404);
    expect((await api.call('GET', '/api/v1/namespaces/default/status')).body.status.phase).toBe('Active');
  });
});
