import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from './kubernetes/api-server.ts';
import { SERVERS, startWith } from './kubernetes/api-server.ts';

/**
 * The same reads of the hub and, where `TEST_KUBECONFIG` names one, of a real API server, with what Kubernetes 1.36
 * answers: pages, selections, tables, and what a watch tells of changes that were.
 */

const NAMESPACE = 'holdfast-differential-read';
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
/** A real server has put one of its own into the namespace. */
const OURS = 'labelSelector=suite=read';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const METADATA = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

interface List {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}
interface WatchEvent {
  readonly type: string;
  readonly object: { readonly metadata: { readonly name?: string; readonly annotations?: object } };
}

const map = (name: string, labels: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { suite: 'read', ...labels } },
  data: { a: '1', b: '2' },
});

describe.each(SERVERS)('%s', (_name, start) => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startWith(NAMESPACE, start);
    for (const [name, tier] of [
      ['a', 'front'],
      ['b', 'back'],
      ['c', 'front'],
    ] as const)
      await server.call('POST', MAPS, map(name, { tier }));
  });
  afterAll(async () => {
    await server.call('DELETE', MAPS);
    await server.call('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
    await server.close();
  });

  async function list(query: string): Promise<List> {
    const { code, body } = await server.call('GET', `${MAPS}?${query}`);
    expect(code).toBe(200);
    return body as List;
  }
  const names = ({ items }: List) => items.map(({ metadata }) => metadata.name);
  async function watch(query: string): Promise<string[]> {
    const { code, body } = await server.call('GET', `${MAPS}?watch=true&timeoutSeconds=1&${query}`);
    expect(code).toBe(200);
    return (body as WatchEvent[]).map(({ type, object }) => {
      const marks = Object.keys(object.metadata.annotations ?? {});
      return [type, type === 'BOOKMARK' ? marks.join() : object.metadata.name].join(' ').trim();
    });
  }

  test('lists by labels and by name', async () => {
    expect(names(await list(OURS))).toEqual(['a', 'b', 'c']);
    expect(names(await list(`${OURS},tier!=back`))).toEqual(['a', 'c']);
    expect(names(await list(`${OURS},tier%20in%20(back,other)`))).toEqual(['b']);
    expect(names(await list(`${OURS},tier%20notin%20(back)`))).toEqual(['a', 'c']);
    expect(names(await list(`${OURS},!tier`))).toEqual([]);
    expect(names(await list('fieldSelector=metadata.name=b'))).toEqual(['b']);
    for (const query of ['labelSelector=a%20b', 'fieldSelector=metadata.name']) {
      const { code, body } = await server.call('GET', `${MAPS}?${query}`);
      expect([query, code, (body as { reason: string }).reason]).toEqual([query, 400, 'BadRequest']);
    }
  });

  test('lists in pages, each of the same state', async () => {
    const first = await list(`${OURS}&limit=2`);
    expect(names(first)).toEqual(['a', 'b']);
    // What is left is not counted where a selector chooses.
    expect(first.metadata.remainingItemCount).toBeUndefined();
    await server.call('POST', MAPS, map('later'));
    const rest = await list(`${OURS}&limit=2&continue=${encodeURIComponent(first.metadata.continue ?? '')}`);
    expect(names(rest)).toEqual(['c']);
    expect(rest.metadata.continue ?? '').toBe('');
    expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await server.call('DELETE', `${MAPS}/later`);
    const wrong = await server.call('GET', `${MAPS}?limit=2&continue=nonsense`);
    expect([wrong.code, (wrong.body as { reason: string }).reason]).toEqual([400, 'BadRequest']);
  });

  test('shows a table, and metadata alone', async () => {
    const { body } = await server.call('GET', `${MAPS}?${OURS}`, undefined, undefined, TABLE);
    expect(body).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name', priority: 0 },
        { name: 'Data', type: 'integer', format: '', priority: 0 },
        { name: 'Age', type: 'string', format: '', priority: 0 },
      ],
      rows: ['a', 'b', 'c'].map((name) => ({
        cells: [name, 2, expect.stringMatching(/^\d+s$/) as string],
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name } },
      })),
    });
    const partial = await server.call('GET', `${MAPS}?${OURS}`, undefined, undefined, METADATA);
    expect(partial.body).toMatchObject({
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      items: ['a', 'b', 'c'].map((name) => ({ metadata: { name, labels: { suite: 'read' } } })),
    });
    expect(JSON.stringify(partial.body)).not.toContain('"data"');
  });

  test('tells a watch what it missed, as its selector sees it', async () => {
    const { resourceVersion } = (await list(OURS)).metadata;
    const relabel = (name: string, tier: string) =>
      server.call(
        'PATCH',
        `${MAPS}/${name}`,
        { metadata: { labels: { tier } } },
        'application/merge-patch+json',
      );
    await server.call('POST', MAPS, map('d', { tier: 'front' }));
    await relabel('a', 'back');
    await relabel('b', 'front');
    await server.call('PATCH', `${MAPS}/c`, { data: { a: '3' } }, 'application/merge-patch+json');
    await server.call('DELETE', `${MAPS}/d`);
    const since = `resourceVersion=${resourceVersion}`;
    expect(await watch(`labelSelector=suite=read,tier=front&${since}`)).toEqual([
      'ADDED d',
      'DELETED a',
      'ADDED b',
      'MODIFIED c',
      'DELETED d',
    ]);
    expect(await watch(`${OURS}&${since}`)).toEqual([
      'ADDED d',
      'MODIFIED a',
      'MODIFIED b',
      'MODIFIED c',
      'DELETED d',
    ]);
  });

  test('is watched by the paths of old, by list and by name', async () => {
    const { resourceVersion } = (await list(OURS)).metadata;
    await server.call('POST', MAPS, map('late'));
    await server.call('DELETE', `${MAPS}/late`);
    const inside = MAPS.replace('/api/v1/', '');
    const query = `timeoutSeconds=1&resourceVersion=${resourceVersion}`;
    for (const path of [
      `/api/v1/watch/${inside}?${OURS}&`,
      `/api/v1/watch/configmaps?${OURS}&`,
      `/api/v1/watch/${inside}/late?`,
    ]) {
      const { code, body } = await server.call('GET', `${path}${query}`);
      const told = (body as WatchEvent[]).map(({ type, object }) => `${type} ${object.metadata.name}`);
      expect([path, code, told]).toEqual([path, 200, ['ADDED late', 'DELETED late']]);
    }
    expect((await server.call('GET', `/api/v1/watch/${inside}/late/status?${query}`)).code).toBe(404);
    // Of an object by its own path there is no watch.
    const { code, body } = await server.call('GET', `${MAPS}/a?watch=true`);
    expect([code, (body as { kind?: string }).kind]).toEqual([200, 'ConfigMap']);
  });

  test('streams a list, and marks where what is there ends', async () => {
    const asked = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const told = await watch(`${OURS}&${asked}`);
    expect(told.slice(0, 3).sort()).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
    expect(told[3]).toBe('BOOKMARK k8s.io/initial-events-end');
    const { code } = await server.call('GET', `${MAPS}?watch=true&sendInitialEvents=true&timeoutSeconds=1`);
    expect(code).toBe(422);
  });

  test('proxies to nothing that is not there', async () => {
    const inside = `namespaces/${NAMESPACE}`;
    for (const [kind, path] of [
      ['nodes', 'nodes/none/proxy/metrics'],
      ['pods', `${inside}/pods/none/log`],
      ['pods', `${inside}/pods/http:none:80/proxy/index.html`],
      ['services', `${inside}/services/none:http/proxy`],
    ] as const) {
      const { code, body } = await server.call('GET', `/api/v1/${path}`);
      expect([path, code, body]).toEqual([
        path,
        404,
        {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: `${kind} "none" not found`,
          reason: 'NotFound',
          details: { name: 'none', kind },
          code: 404,
        },
      ]);
    }
  });

  test('compresses what is large, for those who take it so', async () => {
    const large = {
      ...map('large', { suite: 'large' }),
      data: { text: 'a line of much text\n'.repeat(10_000) },
    };
    await server.call('POST', MAPS, large);
    const [one, all] = [`${MAPS}/large`, `${MAPS}?labelSelector=suite=large`];
    for (const path of [one, all]) {
      const plain = await server.fetch(path, 'gzip;q=0, identity');
      const zipped = await server.fetch(path, 'deflate, gzip');
      expect([plain.encoding, zipped.encoding]).toEqual(['', 'gzip']);
      expect(zipped.vary).toContain('Accept-Encoding');
      // A list is of another version each time where others write.
      const contentOf = (bytes: Buffer) => ({ ...(JSON.parse(String(bytes)) as object), metadata: {} });
      expect(contentOf(gunzipSync(zipped.bytes))).toEqual(contentOf(plain.bytes));
      expect(zipped.bytes.length * 10).toBeLessThan(plain.bytes.length);
    }
    const watching = await server.fetch(`${all}&watch=true&timeoutSeconds=1`, 'gzip');
    const small = await server.fetch(`${MAPS}/a`, 'gzip');
    expect([watching.encoding, small.encoding]).toEqual(['', '']);
    await server.call('DELETE', one);
  });

  test('describes its kinds in OpenAPI v2, with how their lists are merged', async () => {
    const { body } = await server.call('GET', '/openapi/v2');
    const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
    expect((body as { definitions: object }).definitions).toMatchObject({
      'io.k8s.api.core.v1.ConfigMap': {
        type: 'object',
        properties: {
          data: { type: 'object', additionalProperties: { type: 'string' } },
          immutable: { type: 'boolean' },
          metadata: { $ref: `#/definitions/${meta}.ObjectMeta` },
        },
        'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'ConfigMap' }],
      },
      'io.k8s.api.core.v1.ConfigMapList': {
        required: ['items'],
        properties: {
          items: { type: 'array', items: { $ref: '#/definitions/io.k8s.api.core.v1.ConfigMap' } },
          metadata: { $ref: `#/definitions/${meta}.ListMeta` },
        },
      },
      'io.cncf.cni.k8s.v1.NetworkAttachmentDefinition': {
        properties: { spec: { type: 'object', properties: { config: { type: 'string' } } } },
      },
      [`${meta}.ObjectMeta`]: {
        properties: {
          finalizers: { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' },
          ownerReferences: {
            'x-kubernetes-list-map-keys': ['uid'],
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-patch-merge-key': 'uid',
            'x-kubernetes-patch-strategy': 'merge',
          },
        },
      },
    });
  });
});
