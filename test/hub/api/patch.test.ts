import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { MERGE, VMS, machine, startApi } from './start-api.ts';

const JSON_PATCH = { 'content-type': 'application/json-patch+json' };

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = (name: string, metadata?: object) => api.call('POST', VMS, machine(name, metadata));
const read = async (name: string) => (await api.call('GET', `${VMS}/${name}`)).body;
const patch = (name: string, body: unknown, headers: Record<string, string> = MERGE) =>
  api.call('PATCH', `${VMS}/${name}`, body, headers);

describe('a patch', () => {
  test('merges, and takes away with null', async () => {
    await create('merged', { labels: { a: 'b', c: 'd' } });
    const { body } = await patch('merged', { metadata: { labels: { a: null, e: 'f' } } });
    expect(body.metadata.labels).toEqual({ c: 'd', e: 'f' });
    const stale = await patch('merged', { metadata: { resourceVersion: '1' } });
    expect(stale.code).toBe(409);
    expect((await patch('merged', { metadata: { name: 'x' } })).code).toBe(400);
    expect((await patch('merged', { kind: 'X' })).code).toBe(400);
    expect((await patch('merged', [])).code).toBe(400);
    expect((await patch('none', {})).code).toBe(404);
  });

  test('in operations is made whole or not at all', async () => {
    await create('operated', { labels: { a: 'b' } });
    const path = '/spec/runStrategy';
    const good = [
      { op: 'test', path, value: 'Halted' },
      { op: 'replace', path, value: 'Manual' },
      { op: 'remove', path: '/metadata/labels/a' },
    ];
    expect((await patch('operated', good, JSON_PATCH)).body.spec.runStrategy).toBe('Manual');
    const failing = [
      { op: 'replace', path, value: 'Always' },
      { op: 'test', path, value: 'Halted' },
    ];
    expect((await patch('operated', failing, JSON_PATCH)).code).toBe(422);
    expect((await read('operated')).spec.runStrategy).toBe('Manual');
    for (const bad of [{}, [{ op: 'spin', path }], [{ op: 'add' }], [null], 'x']) {
      expect((await patch('operated', bad, JSON_PATCH)).code).toBe(400);
    }
    for (const bad of [[{ op: 'add', path: 'x', value: 1 }], [{ op: 'move', path }], [{ op: 'add', path }]]) {
      expect((await patch('operated', bad, JSON_PATCH)).code).toBe(422);
    }
  });

  test('of another kind is refused with what to do instead', async () => {
    await create('strategic');
    const refused = async (type: string) => {
      const { code, body } = await patch('strategic', {}, { 'content-type': type });
      return [code, String(body.message)];
    };
    expect(await refused('application/strategic-merge-patch+json')).toEqual([
      415,
      expect.stringContaining('--type merge') as string,
    ]);
    expect(await refused('application/apply-patch+yaml')).toEqual([
      415,
      expect.stringContaining('--server-side') as string,
    ]);
    expect((await refused('application/json'))[0]).toBe(415);
  });

  test("of Kubernetes' own kinds may be strategic where that means no more than merging", async () => {
    const path = '/api/v1/namespaces/kube-system';
    const type = { 'content-type': 'application/strategic-merge-patch+json' };
    const merged = await api.call('PATCH', path, { metadata: { labels: { a: 'b' } } }, type);
    expect(merged.body.metadata.labels).toEqual({ a: 'b', 'kubernetes.io/metadata.name': 'kube-system' });
    expect((await api.call('PATCH', path, { metadata: { finalizers: ['x/y'] } }, type)).code).toBe(415);
    expect((await api.call('PATCH', path, { metadata: { $patch: 'delete' } }, type)).code).toBe(415);
  });
});
