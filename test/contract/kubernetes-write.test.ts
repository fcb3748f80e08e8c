import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from './kubernetes/api-server.ts';
import { SERVERS, normalise, startWith } from './kubernetes/api-server.ts';

/**
 * The same writes to the hub and, where `TEST_KUBECONFIG` names one, to a real API server, with the answers that
 * Kubernetes 1.36 gives: codes, reasons, messages, what patches make, and who manages what.
 */

const NAMESPACE = 'holdfast-differential';
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
const NETS = `/apis/k8s.cni.cncf.io/v1/namespaces/${NAMESPACE}/network-attachment-definitions`;
const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';

const map = (name: string, data: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});
const config = (bridge: string) => JSON.stringify({ cniVersion: '0.3.1', type: 'bridge', bridge });
const net = (name: string, spec: object) => ({
  apiVersion: 'k8s.cni.cncf.io/v1',
  kind: 'NetworkAttachmentDefinition',
  metadata: { name },
  spec,
});
const failure = (code: number, reason: string, message: string) => ({
  code,
  body: { kind: 'Status', status: 'Failure', reason, message, code },
});
const by = (manager: string, operation: string, fieldsV1: object, apiVersion = 'v1') => ({
  manager,
  operation,
  apiVersion,
  time: 'TIME',
  fieldsType: 'FieldsV1',
  fieldsV1,
});

describe.each(SERVERS)('%s', (_name, start) => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startWith(NAMESPACE, start);
  });
  afterAll(async () => {
    for (const path of [MAPS, NETS]) await server.call('DELETE', path);
    await server.call('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
    await server.close();
  });

  async function ask(method: string, path: string, body?: unknown, contentType?: string) {
    const answer = await server.call(method, path, body, contentType);
    return { ...answer, body: normalise(answer.body) };
  }

  test('creates', async () => {
    expect(
      await ask('POST', `${MAPS}?fieldManager=one`, map('made', { a: '1' }, { labels: { x: 'y' } })),
    ).toEqual({
      code: 201,
      warnings: '',
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: 'made',
          namespace: NAMESPACE,
          uid: 'UID',
          resourceVersion: 'V',
          creationTimestamp: 'TIME',
          labels: { x: 'y' },
          managedFields: [
            by('one', 'Update', {
              'f:data': { '.': {}, 'f:a': {} },
              'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } },
            }),
          ],
        },
        data: { a: '1' },
      },
    });
    expect(await ask('POST', MAPS, map('made'))).toMatchObject(
      failure(409, 'AlreadyExists', 'configmaps "made" already exists'),
    );
    expect(await ask('POST', MAPS, { ...map('x'), kind: 'Secret' })).toMatchObject({ code: 400 });
    expect(await ask('POST', MAPS, map('x', {}, { namespace: 'other' }))).toMatchObject(
      failure(
        400,
        'BadRequest',
        'the namespace of the provided object does not match the namespace sent on the request',
      ),
    );
    expect(await ask('POST', MAPS, map('x', {}, { resourceVersion: '1' }))).toMatchObject(
      failure(400, 'BadRequest', 'resourceVersion should not be set on objects to be created'),
    );
  });

  test('validates fields as it is told to', async () => {
    const wrong = { ...map('wrong'), dat: {}, metadata: { name: 'wrong', lables: {} } };
    const strict = await ask('POST', `${MAPS}?fieldValidation=Strict`, wrong);
    expect(strict).toMatchObject({ code: 400, body: { reason: 'BadRequest' } });
    for (const field of ['metadata.lables', 'dat']) {
      expect((strict.body as { message: string }).message).toContain(`unknown field "${field}"`);
    }
    const path = `${MAPS}?dryRun=All`;
    for (const query of ['', '&fieldValidation=Warn']) {
      const warned = await ask('POST', `${path}${query}`, wrong);
      expect(warned.code).toBe(201);
      expect(warned.warnings).toContain(String.raw`299 - "unknown field \"dat\""`);
    }
    expect(await ask('POST', `${path}&fieldValidation=Ignore`, wrong)).toMatchObject({
      code: 201,
      warnings: '',
    });
    expect(await ask('POST', `${MAPS}?fieldValidation=Never`, wrong)).toMatchObject(
      failure(
        422,
        'Invalid',
        'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Never": supported values: "", "Ignore", "Warn", "Strict"',
      ),
    );
  });

  test('updates what was read, and nothing else', async () => {
    await ask('POST', MAPS, map('updated', { a: '1' }));
    const path = `${MAPS}/updated`;
    // Of Kubernetes' own kinds an update needs no version.
    expect(await ask('PUT', path, map('updated', { a: '2' }))).toMatchObject({
      code: 200,
      body: { data: { a: '2' } },
    });
    expect(await ask('PUT', path, map('updated', {}, { resourceVersion: '1' }))).toMatchObject(
      failure(
        409,
        'Conflict',
        'Operation cannot be fulfilled on configmaps "updated": the object has been modified; please apply your changes to the latest version and try again',
      ),
    );
    expect(await ask('PUT', path, map('other'))).toMatchObject(
      failure(
        400,
        'BadRequest',
        'the name of the object (other) does not match the name on the URL (updated)',
      ),
    );
    expect(await ask('PUT', `${MAPS}/none`, map('none'))).toMatchObject(
      failure(404, 'NotFound', 'configmaps "none" not found'),
    );
    await ask('POST', NETS, net('updated', { config: config('br0') }));
    expect(await ask('PUT', `${NETS}/updated`, net('updated', { config: config('br1') }))).toMatchObject({
      code: 422,
      body: {
        reason: 'Invalid',
        details: { causes: [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion' }] },
      },
    });
  });

  test('patches in three ways', async () => {
    await ask('POST', MAPS, map('patched', { a: '1', b: '2' }, { finalizers: ['a.io/1'] }));
    const path = `${MAPS}/patched`;
    expect(await ask('PATCH', path, { data: { a: null, c: '3' } }, MERGE)).toMatchObject({
      code: 200,
      body: { data: { b: '2', c: '3' } },
    });
    expect(await ask('PATCH', path, { metadata: { finalizers: ['a.io/2'] } }, STRATEGIC)).toMatchObject({
      code: 200,
      body: { metadata: { finalizers: ['a.io/1', 'a.io/2'] } },
    });
    const operations = [
      { op: 'test', path: '/data/b', value: '2' },
      { op: 'move', from: '/data/b', path: '/data/d' },
    ];
    expect(await ask('PATCH', path, operations, JSON_PATCH)).toMatchObject({
      code: 200,
      body: { data: { c: '3', d: '2' } },
    });
    const rejected = 'the server rejected our request due to an error in our request';
    expect(await ask('PATCH', path, operations, JSON_PATCH)).toMatchObject(failure(422, 'Invalid', rejected));
    expect(await ask('PATCH', `${path}?force=true`, {}, MERGE)).toMatchObject(
      failure(
        422,
        'Invalid',
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
      ),
    );
    expect(await ask('PATCH', `${MAPS}/none`, {}, MERGE)).toMatchObject({ code: 404 });
    expect(await ask('PATCH', `${NETS}/updated`, {}, STRATEGIC)).toMatchObject(
      failure(
        415,
        'UnsupportedMediaType',
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
      ),
    );
    await ask('PATCH', path, { metadata: { finalizers: null } }, MERGE);
  });

  test('applies, with conflicts that name who owns what', async () => {
    const path = `${MAPS}/applied`;
    const apply = (manager: string, data: object, more = '') =>
      ask('PATCH', `${path}?fieldManager=${manager}${more}`, map('applied', data), APPLY);
    expect(await apply('one', { a: '1', b: '1' })).toMatchObject({
      code: 201,
      body: { data: { a: '1', b: '1' } },
    });
    await ask('PATCH', `${path}?fieldManager=edit`, { data: { a: '2' } }, MERGE);
    expect(await apply('two', { a: '3', b: '3' })).toMatchObject({
      code: 409,
      body: {
        reason: 'Conflict',
        message:
          'Apply failed with 2 conflicts: conflicts with "edit" using v1:\n- .data.a\nconflicts with "one":\n- .data.b',
        details: {
          causes: expect.arrayContaining([
            { reason: 'FieldManagerConflict', message: 'conflict with "edit" using v1', field: '.data.a' },
            { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.b' },
          ]) as object[],
        },
      },
    });
    expect(await apply('two', { a: '3' }, '&force=true')).toMatchObject({
      code: 200,
      body: {
        data: { a: '3', b: '1' },
        metadata: {
          managedFields: [
            by('one', 'Apply', { 'f:data': { 'f:b': {} } }),
            by('two', 'Apply', { 'f:data': { 'f:a': {} } }),
          ],
        },
      },
    });
    expect(await apply('one', {})).toMatchObject({ code: 200, body: { data: { a: '3' } } });
    expect(await ask('PATCH', path, map('applied'), APPLY)).toMatchObject(
      failure(
        422,
        'Invalid',
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      ),
    );
  });

  test('applies to custom resources, whose generation rises with their spec', async () => {
    const path = `${NETS}/applied?fieldManager=one`;
    const version = 'k8s.cni.cncf.io/v1';
    expect(await ask('PATCH', path, net('applied', { config: config('br0') }), APPLY)).toMatchObject({
      code: 201,
      body: {
        metadata: {
          generation: 1,
          managedFields: [by('one', 'Apply', { 'f:spec': { 'f:config': {} } }, version)],
        },
      },
    });
    const changed = { spec: { config: config('br1') } };
    expect(await ask('PATCH', `${NETS}/applied?fieldManager=edit`, changed, MERGE)).toMatchObject({
      code: 200,
      body: {
        metadata: {
          generation: 2,
          managedFields: [by('edit', 'Update', { 'f:spec': { 'f:config': {} } }, version)],
        },
      },
    });
    const labelled = { metadata: { labels: { a: 'b' } } };
    expect(await ask('PATCH', `${NETS}/applied`, labelled, MERGE)).toMatchObject({
      body: { metadata: { generation: 2 } },
    });
  });

  test('deletes what is meant, and waits for finalizers', async () => {
    await ask('POST', MAPS, map('deleted', {}, { finalizers: ['a.io/1'] }));
    const path = `${MAPS}/deleted`;
    const other = await ask('DELETE', path, { preconditions: { uid: 'x' } });
    expect(other).toMatchObject({ code: 409, body: { reason: 'Conflict' } });
    expect((other.body as { message: string }).message).toContain(
      'the UID in the precondition (x) does not match the UID in record (UID). The object might have been deleted and then recreated',
    );
    expect(await ask('DELETE', path, { propagationPolicy: 'Away' })).toMatchObject({ code: 422 });
    expect(await ask('DELETE', `${path}?dryRun=Some`)).toMatchObject(
      failure(
        422,
        'Invalid',
        'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
      ),
    );
    expect(await ask('DELETE', path)).toMatchObject({
      code: 200,
      body: { kind: 'ConfigMap', metadata: { deletionTimestamp: 'TIME', deletionGracePeriodSeconds: 0 } },
    });
    expect(await ask('PATCH', path, { metadata: { finalizers: ['a.io/1', 'a.io/2'] } }, MERGE)).toMatchObject(
      {
        code: 422,
        body: {
          reason: 'Invalid',
          details: { causes: [{ reason: 'FieldValueForbidden', field: 'metadata.finalizers' }] },
        },
      },
    );
    expect(await ask('PATCH', path, { metadata: { finalizers: null } }, MERGE)).toMatchObject({ code: 200 });
    expect(await ask('GET', path)).toMatchObject({ code: 404 });
    await ask('POST', MAPS, map('plain'));
    expect(await ask('DELETE', `${MAPS}/plain`)).toMatchObject({
      code: 200,
      body: { kind: 'Status', status: 'Success' },
    });
    await ask('POST', MAPS, map('another'));
    const { details } = (await ask('DELETE', `${MAPS}/another`)).body as { details: object };
    expect(details).toEqual({ name: 'another', kind: 'configmaps', uid: 'UID' });
  });

  test('lets nothing keep a namespace', async () => {
    const named = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `${NAMESPACE}-finalized` } };
    const path = `/api/v1/namespaces/${named.metadata.name}`;
    await ask('POST', '/api/v1/namespaces', named);
    expect(
      await ask('PUT', `${path}/finalize`, { ...named, spec: { finalizers: ['a.io/1'] } }),
    ).toMatchObject({
      code: 200,
      body: { kind: 'Namespace', spec: { finalizers: ['a.io/1'] }, status: { phase: 'Active' } },
    });
    const { code, body } = await ask('PUT', `${path}/finalize`, { ...named, spec: {} });
    expect([code, (body as { spec: { finalizers?: object } }).spec.finalizers]).toEqual([200, undefined]);
    expect((await ask('PUT', `${path}-none/finalize`, named)).code).toBe(400);
    expect(await ask('DELETE', path)).toMatchObject({ code: 200 });
  });
});
