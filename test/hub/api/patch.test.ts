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

  test('tests that something is null where it is not there, before it is added', async () => {
    await create('tested');
    const path = '/metadata/annotations';
    const first = [
      { op: 'test', path, value: null },
      { op: 'add', path, value: {} },
      { op: 'add', path: `${path}/a`, value: 'b' },
    ];
    expect((await patch('tested', first, JSON_PATCH)).body.metadata.annotations).toEqual({ a: 'b' });
    expect((await patch('tested', first, JSON_PATCH)).code).toBe(422);
    for (const elsewhere of ['/metadata/nowhere/a', '/spec/template/spec/volumes/7']) {
      const refused = await patch('tested', [{ op: 'test', path: elsewhere, value: null }], JSON_PATCH);
      expect(refused.code).toBe(422);
    }
  });

  test('of a type that the kind does not have is refused with those that it has', async () => {
    await create('strategic');
    const refused = async (type: string, path = `${VMS}/strategic`) => {
      const { code, body } = await api.call('PATCH', path, {}, { 'content-type': type });
      return [code, String(body.message).replace(/.* include: /, '')];
    };
    const own = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml';
    expect(await refused('application/strategic-merge-patch+json')).toEqual([415, own]);
    expect(await refused('application/json')).toEqual([415, own]);
    expect(await refused('text/plain', '/api/v1/namespaces/default')).toEqual([
      415,
      own.replace('application/apply', 'application/strategic-merge-patch+json, application/apply'),
    ]);
  });

  test('says what is wrong with it in the words that clients know', async () => {
    await create('worded');
    const missing = await patch('worded', [{ op: 'remove', path: '/spec/none' }], JSON_PATCH);
    expect([missing.code, missing.body.reason, missing.body.message]).toEqual([
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
    ]);
    expect(missing.headers.get('warning')).toContain('/spec/none');
    const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'x' }));
    expect((await patch('worded', many, JSON_PATCH)).code).toBe(413);
    const strict = await api.call(
      'PATCH',
      `${VMS}/worded?fieldValidation=Strict`,
      '{"spec":{"a":1,"b":2,"a":3}}',
      MERGE,
    );
    expect(strict.code).toBe(422);
    expect(strict.body.message).toMatch(
      /^ "" is invalid: patch: Invalid value: "\{.*\}": strict decoding error: duplicate field "spec\.a", unknown field "spec\.a", unknown field "spec\.b"$/,
    );
    const forced = await api.call('PATCH', `${VMS}/worded?force=true`, {}, MERGE);
    expect(forced.body.message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    );
  });
});

describe('a strategic merge patch', () => {
  const type = { 'content-type': 'application/strategic-merge-patch+json' };
  const maps = '/api/v1/namespaces/default/configmaps';
  const owner = (uid: string, name = 'a') => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid });
  const strategic = async (metadata: object, more: object = {}) => {
    const patched = await api.call('PATCH', `${maps}/patched`, { metadata, ...more }, type);
    expect(patched.code).toBe(200);
    return patched.body.metadata;
  };

  test('merges lists by their keys, and does what its directives say', async () => {
    const metadata = {
      name: 'patched',
      finalizers: ['a/1', 'a/2'],
      ownerReferences: [owner('1'), owner('2')],
    };
    await api.call('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1', b: '2' } });
    expect((await strategic({ finalizers: ['a/2', 'a/3'] })).finalizers).toEqual(['a/1', 'a/2', 'a/3']);
    expect((await strategic({ '$deleteFromPrimitiveList/finalizers': ['a/1'] })).finalizers).toEqual([
      'a/2',
      'a/3',
    ]);
    const ordered = { '$setElementOrder/finalizers': ['a/3', 'a/2'], finalizers: ['a/3'] };
    expect((await strategic(ordered)).finalizers).toEqual(['a/3', 'a/2']);
    const changed = [{ uid: '2', name: 'b' }, { uid: '1', $patch: 'delete' }, owner('3')];
    expect((await strategic({ ownerReferences: changed })).ownerReferences).toEqual([
      owner('2', 'b'),
      owner('3'),
    ]);
    const replaced = [{ $patch: 'replace' }, owner('4')];
    expect((await strategic({ ownerReferences: replaced })).ownerReferences).toEqual([owner('4')]);
    const { body } = await api.call(
      'PATCH',
      `${maps}/patched`,
      { data: { $patch: 'replace', c: '3' } },
      type,
    );
    expect(body).toMatchObject({ data: { c: '3' } });
    expect(Object.keys((body as unknown as { data: object }).data)).toEqual(['c']);
    const kept = await api.call('PATCH', `${maps}/patched`, { data: { $retainKeys: ['d'], d: '4' } }, type);
    expect((kept.body as unknown as { data: object }).data).toEqual({ d: '4' });
    await strategic({ finalizers: null, ownerReferences: null });
  });

  test('with a directive that there is not is refused', async () => {
    const refused = await api.call('PATCH', `${maps}/patched`, { data: { $patch: 'spin' } }, type);
    expect([refused.code, refused.body.message]).toEqual([400, 'Unknown patch type: "spin"']);
    const keyless = { metadata: { ownerReferences: [{ name: 'a' }] } };
    expect((await api.call('PATCH', `${maps}/patched`, keyless, type)).code).toBe(422);
    expect((await api.call('PATCH', `${maps}/patched`, [], type)).code).toBe(400);
  });
});
