import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiBody, TestApi } from './start-api.ts';
import { MERGE, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const MAPS = '/api/v1/namespaces/default/configmaps';
const APPLY = { 'content-type': 'application/apply-patch+yaml' };

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion: string;
  readonly time: string;
  readonly fieldsV1: object;
  readonly subresource?: string;
}
interface ConfigMap extends ApiBody {
  readonly data?: Readonly<Record<string, string>>;
}

const configMap = (name: string, data?: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data !== undefined && { data }),
});
const apply = (name: string, manager: string, configuration: unknown, more = '') =>
  api.call<ConfigMap>('PATCH', `${MAPS}/${name}?fieldManager=${manager}${more}`, configuration, APPLY);
const entriesOf = ({ metadata }: ApiBody) => (metadata.managedFields ?? []) as Entry[];
const shownOf = (body: ApiBody) =>
  entriesOf(body).map(({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1]);

describe('server-side apply', () => {
  test('makes an object, and brings to it what is applied then', async () => {
    const made = await apply('made', 'one', configMap('made', { a: '1', b: '2' }, { labels: { x: 'y' } }));
    expect([made.code, made.body.data]).toEqual([201, { a: '1', b: '2' }]);
    expect(entriesOf(made.body)).toEqual([
      {
        manager: 'one',
        operation: 'Apply',
        apiVersion: 'v1',
        time: expect.stringMatching(/^20\d\d-.*:\d\dZ$/) as string,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} }, 'f:metadata': { 'f:labels': { 'f:x': {} } } },
      },
    ]);
    const again = await apply('made', 'one', configMap('made', { a: '1', b: '2' }, { labels: { x: 'y' } }));
    expect([again.code, again.body]).toEqual([200, made.body]);
    const fewer = await apply('made', 'one', configMap('made', { a: '1' }));
    expect([fewer.body.data, fewer.body.metadata.labels]).toEqual([{ a: '1' }, undefined]);
  });

  test('is refused where others own what it would change, with who does', async () => {
    await apply('fought', 'one', configMap('fought', { a: '1', b: '2', c: '3' }));
    const by = `${MAPS}/fought?fieldManager=edit`;
    await api.call('PATCH', by, { data: { a: 'x' } }, MERGE);
    const refused = await apply('fought', 'one', configMap('fought', { a: '1', b: '2', c: '3' }));
    expect([refused.code, refused.body.reason, refused.body.message]).toEqual([
      409,
      'Conflict',
      'Apply failed with 1 conflict: conflict with "edit" using v1: .data.a',
    ]);
    expect(refused.body.details.causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "edit" using v1', field: '.data.a' },
    ]);
    const several = await apply('fought', 'two', configMap('fought', { a: '1', b: 'x', c: 'x' }));
    expect(several.body.message).toBe(
      'Apply failed with 3 conflicts: conflicts with "edit" using v1:\n- .data.a\nconflicts with "one":\n- .data.b\n- .data.c',
    );
    const forced = await apply('fought', 'two', configMap('fought', { a: '1', b: 'x' }), '&force=true');
    expect(forced.body.data).toEqual({ a: '1', b: 'x', c: '3' });
    expect(shownOf(forced.body)).toEqual([
      ['one', 'Apply', { 'f:data': { 'f:c': {} } }],
      ['two', 'Apply', { 'f:data': { 'f:a': {}, 'f:b': {} } }],
    ]);
  });

  test('shares fields on which all agree, and takes away what the last one lets go', async () => {
    await apply('shared', 'one', configMap('shared', { a: '1' }));
    await apply('shared', 'two', configMap('shared', { a: '1' }));
    expect((await apply('shared', 'one', configMap('shared', {}))).body.data).toEqual({ a: '1' });
    expect((await apply('shared', 'two', configMap('shared'))).body.data ?? {}).toEqual({});
  });

  test('puts items into lists by their keys', async () => {
    const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'Namespace', name: 'default', uid });
    await apply(
      'listed',
      'one',
      configMap('listed', {}, { ownerReferences: [owner('1')], finalizers: ['a/1'] }),
    );
    const { body } = await apply(
      'listed',
      'two',
      configMap('listed', {}, { ownerReferences: [owner('2')], finalizers: ['a/2'] }),
    );
    expect(body.metadata.ownerReferences).toEqual([owner('1'), owner('2')]);
    expect(body.metadata.finalizers).toEqual(['a/1', 'a/2']);
    expect(entriesOf(body)[1]?.fieldsV1).toEqual({
      'f:data': {},
      'f:metadata': {
        'f:finalizers': { 'v:"a/2"': {} },
        'f:ownerReferences': { 'k:{"uid":"2"}': {} },
      },
    });
    const left = await apply('listed', 'one', configMap('listed'));
    expect(left.body.metadata.finalizers).toEqual(['a/2']);
    const twice = configMap('listed', {}, { ownerReferences: [owner('1'), owner('1')] });
    expect((await apply('listed', 'one', twice)).code).toBe(400);
    await api.call('PATCH', `${MAPS}/listed`, { metadata: { finalizers: null } }, MERGE);
  });

  test('says what is wrong with what is applied', async () => {
    const wrong = async (name: string, configuration: unknown, query = '?fieldManager=one') => {
      const { code, body } = await api.call('PATCH', `${MAPS}/${name}${query}`, configuration, APPLY);
      return [code, body.message];
    };
    expect(await wrong('w', configMap('w'), '')).toEqual([
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ]);
    expect(await wrong('w', { ...configMap('w'), dat: {} })).toEqual([
      400,
      'failed to create typed patch object (default/w; /v1, Kind=ConfigMap): .dat: field not declared in schema',
    ]);
    expect((await wrong('w', configMap('x')))[0]).toBe(400);
    expect(await wrong('w', { ...configMap('w'), kind: 'Secret' })).toEqual([
      400,
      'invalid object type: v1, Kind=Secret',
    ]);
    expect(await wrong('w', configMap('w', {}, { managedFields: [{}] }))).toEqual([
      400,
      'metadata.managedFields must be nil',
    ]);
    expect((await wrong('w', configMap('w', {}, { uid: 'x' })))[1]).toContain('uid mismatch');
    expect((await wrong('w', configMap('w', { a: 1 })))[0]).toBe(422);
    expect((await wrong('w', 'apiVersion: v1\n  kind: x'))[0]).toBe(400);
    const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: w }\ndata:\n  a: x\n  a: y\n';
    expect(await wrong('w', twice, '?fieldManager=one&fieldValidation=Strict')).toEqual([
      400,
      'error strict decoding patch: line 6: key "a" already set in map',
    ]);
    const tried = await apply('w', 'one', configMap('w', { a: '1' }), '&dryRun=All');
    expect([tried.code, (await api.call('GET', `${MAPS}/w`)).code]).toEqual([201, 404]);
  });

  test('of what was not tracked before leaves that to whoever was there first', async () => {
    await api.call('POST', MAPS, configMap('old', { a: '1', b: '2' }));
    const path = `${MAPS}/old`;
    const cleared = await api.call('PATCH', path, { metadata: { managedFields: [{}] } }, MERGE);
    expect(cleared.body.metadata.managedFields).toBeUndefined();
    expect(
      (await api.call('PATCH', path, { data: { b: '3' } }, MERGE)).body.metadata.managedFields,
    ).toBeUndefined();
    const refused = await apply('old', 'one', configMap('old', { a: '2' }));
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
    const { body } = await apply('old', 'one', configMap('old', { a: '1' }));
    expect(shownOf(body)).toEqual([
      ['one', 'Apply', { 'f:data': { 'f:a': {} } }],
      ['before-first-apply', 'Update', { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {} } }],
    ]);
  });

  test('takes over from a kubectl that computed its patches itself', async () => {
    const note = JSON.stringify(configMap('client', { a: '1' }));
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': note };
    const by = `${MAPS}?fieldManager=kubectl-client-side-apply`;
    await api.call('POST', by, configMap('client', { a: '1', b: '2' }, { annotations }));
    const refused = await apply('client', 'kubectl', configMap('client', { b: '3' }));
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.b',
    );
    const { body } = await apply('client', 'kubectl', configMap('client', { a: '2' }));
    expect(body.data).toEqual({ a: '2', b: '2' });
    expect(body.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration']).toBe(
      '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"client"}}\n',
    );
  });
});

describe('who manages which fields', () => {
  test('is kept with every write, by who says so or by the program', async () => {
    const agent = { 'user-agent': 'shopctl/1.0 (linux)' };
    const { body } = await api.call('POST', VMS, machine('managed', { labels: { a: 'b' } }), agent);
    const [created] = entriesOf(body);
    expect([created?.manager, created?.operation, created?.apiVersion]).toEqual([
      'shopctl',
      'Update',
      'kubevirt.io/v1',
    ]);
    expect(created?.fieldsV1).toMatchObject({
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
      'f:spec': {
        '.': {},
        'f:runStrategy': {},
        'f:template': { 'f:spec': { 'f:volumes': {}, 'f:domain': { 'f:devices': { 'f:disks': {} } } } },
      },
    });
    const status = `${VMS}/managed/status?fieldManager=watcher`;
    const told = await api.call('PATCH', status, { status: { printableStatus: 'Running' } }, MERGE);
    expect(entriesOf(told.body)[1]).toMatchObject({
      manager: 'watcher',
      subresource: 'status',
      fieldsV1: { 'f:status': { '.': {}, 'f:printableStatus': {} } },
    });
    const applied = await api.call(
      'PATCH',
      `${VMS}/managed/status?fieldManager=other`,
      {
        apiVersion: 'kubevirt.io/v1',
        kind: 'VirtualMachine',
        metadata: { name: 'managed' },
        status: { printableStatus: 'Stopped' },
      },
      APPLY,
    );
    expect(applied.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "watcher" with subresource "status" using kubevirt.io/v1: .status.printableStatus',
    );
  });

  test('is left alone by a write that changes nothing, and is what a client makes it', async () => {
    const { body } = await api.call('POST', MAPS, configMap('kept', { a: '1' }));
    const same = await api.call('PUT', `${MAPS}/kept?fieldManager=other`, configMap('kept', { a: '1' }));
    expect(same.body).toEqual(body);
    const entry = { ...entriesOf(body)[0], manager: 'renamed' };
    const renamed = await api.call('PATCH', `${MAPS}/kept`, { metadata: { managedFields: [entry] } }, MERGE);
    expect(entriesOf(renamed.body)).toEqual([entry]);
    const broken = { metadata: { managedFields: [{ ...entry, operation: 'X' }] } };
    expect((await api.call('PATCH', `${MAPS}/kept`, broken, MERGE)).body.metadata).toEqual(
      renamed.body.metadata,
    );
  });
});
