import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { startApi } from './start-api.ts';

interface Group {
  readonly name: string;
  readonly preferredVersion: { readonly version: string };
}

interface GroupDiscovery {
  readonly metadata: { readonly name: string };
  readonly versions: readonly { readonly resources: readonly { readonly resource: string }[] }[];
}

interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

interface OpenApiDocument {
  readonly paths: Readonly<Record<string, { readonly patch?: { readonly parameters: readonly object[] } }>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

test('says that it is well and what it is', async () => {
  for (const path of ['/healthz', '/livez', '/readyz']) {
    expect((await api.call('GET', path)).body).toBe('ok');
  }
  expect((await api.call('GET', '/version')).body).toMatchObject({
    major: '1',
    minor: '35',
    gitVersion: 'v1.35.0+holdfast-0.1.0',
  });
});

test('lists groups, versions and resources', async () => {
  expect((await api.call('GET', '/api')).body).toMatchObject({ versions: ['v1'] });
  const { body } = await api.call<{ groups: Group[] }>('GET', '/apis');
  expect(body.groups.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['holdfast.dev', 'kubevirt.io', 'pool.kubevirt.io', 'subresources.kubevirt.io']),
  );
  const group = await api.call<Group>('GET', '/apis/kubevirt.io/');
  expect(group.body.preferredVersion.version).toBe('v1');
  const { body: list } = await api.call<{ resources: Group[] }>('GET', '/apis/kubevirt.io/v1alpha3');
  expect(list.resources.map(({ name }) => name)).toContain('virtualmachines/status');
  expect((await api.call('GET', '/api/v1')).body).toMatchObject({ groupVersion: 'v1' });
  expect((await api.call('GET', '/apis/subresources.kubevirt.io/v1')).body).toMatchObject({
    resources: expect.arrayContaining([
      expect.objectContaining({ name: 'virtualmachines/restart', namespaced: true, verbs: ['update'] }),
    ]),
  });
  // Clients of old split names in two, and fail where there is more.
  const beside = await api.call<{ resources: Group[] }>('GET', '/apis/subresources.kubevirt.io/v1');
  expect(beside.body.resources.filter(({ name }) => name.split('/').length !== 2)).toEqual([]);
  const own = await api.call<{ resources: Group[] }>('GET', '/apis/holdfast.dev/v1alpha1');
  expect(own.body.resources.map(({ name }) => name)).toEqual([
    'devices',
    'devices/status',
    'devices/timeline',
    'devices/ping',
    'virtualmachines/log',
    'virtualmachineinstances/log',
  ]);
  for (const path of ['/apis/nope', '/apis/kubevirt.io/v2', '/api/v2', '/nope']) {
    expect([path, (await api.call('GET', path)).code]).toEqual([path, 404]);
  }
});

const discover = (path: string) =>
  api.call<{ items: GroupDiscovery[] }>('GET', path, undefined, { accept: AGGREGATED });

test('tells everything in one document where it is asked to', async () => {
  const { headers, body } = await discover('/apis');
  expect(headers.get('content-type')).toBe(
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  );
  const resourcesOf = (group: string) =>
    body.items.find(({ metadata }) => metadata.name === group)?.versions[0]?.resources;
  const vm = resourcesOf('kubevirt.io')?.find(({ resource }) => resource === 'virtualmachines');
  expect(vm).toMatchObject({
    scope: 'Namespaced',
    shortNames: ['vm', 'vms'],
    categories: ['all', 'holdfast'],
  });
  // Without a response kind clients take the kind itself for not served in this group.
  expect(
    resourcesOf('subresources.kubevirt.io')?.find(({ resource }) => resource === 'virtualmachines'),
  ).toEqual({
    resource: 'virtualmachines',
    scope: 'Namespaced',
    verbs: [],
    subresources: expect.arrayContaining([
      {
        subresource: 'restart',
        responseKind: { group: 'subresources.kubevirt.io', version: 'v1', kind: 'Status' },
        verbs: ['update'],
      },
    ]),
  });
  const pool = resourcesOf('pool.kubevirt.io')?.find(({ resource }) => resource === 'virtualmachinepools');
  expect(pool).toMatchObject({
    subresources: [
      { subresource: 'status' },
      { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
    ],
  });
  const core = await discover('/api');
  expect(core.body.items[0]?.metadata.name).toBe('');
});

/** The keywords of OpenAPI 3.0's schemas, and Kubernetes' extensions. */
const KEYWORD =
  /^(?:type|format|pattern|description|nullable|default|enum|required|items|properties|additionalProperties|allOf|anyOf|oneOf|\$ref|x-kubernetes-[a-z-]+|(?:min|max)(?:imum|Length|Items|Properties)|exclusive(?:Min|Max)imum)$/;

function keywordsOf(schema: object): string[] {
  return Object.entries(schema).flatMap(([keyword, value]: [string, unknown]) => {
    const inner = keyword === 'properties' ? Object.values(value as object) : [value].flat();
    const schemas = inner.filter((each) => typeof each === 'object' && each !== null);
    const isData = keyword === 'default' || keyword.startsWith('x-');
    return [keyword, ...(isData ? [] : schemas.flatMap((each) => keywordsOf(each as object)))];
  });
}

test('documents every kind in OpenAPI', async () => {
  const { paths } = (await api.call<OpenApiIndex>('GET', '/openapi/v3')).body;
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining([
      'api/v1',
      'apis/holdfast.dev/v1alpha1',
      'apis/kubevirt.io/v1',
      'apis/kubevirt.io/v1alpha3',
      'apis/pool.kubevirt.io/v1beta1',
    ]),
  );
  const url = paths['apis/kubevirt.io/v1']?.serverRelativeURL ?? '';
  const { body } = await api.call<OpenApiDocument>('GET', url);
  const fields = (properties: object) => ({ properties });
  const guest = { type: 'string', 'x-kubernetes-int-or-string': true };
  const domain = fields({ memory: fields({ guest }) });
  expect(body.components.schemas['io.kubevirt.v1.VirtualMachine']).toMatchObject({
    ...fields({ spec: fields({ template: fields({ spec: fields({ domain }) }) }) }),
    'x-kubernetes-group-version-kind': [{ group: 'kubevirt.io', version: 'v1', kind: 'VirtualMachine' }],
  });
  for (const path of Object.values(paths)) {
    const document = await api.call<OpenApiDocument>('GET', path.serverRelativeURL);
    for (const [name, schema] of Object.entries(document.body.components.schemas)) {
      const foreign = keywordsOf(schema).filter((keyword) => !KEYWORD.test(keyword));
      expect([name, foreign]).toEqual([name, []]);
      expect(JSON.stringify(schema)).not.toContain('"additionalProperties":false');
    }
  }
  const single = body.paths['/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{name}'];
  const parameters = single?.patch?.parameters;
  expect(parameters).toContainEqual({ name: 'fieldValidation', in: 'query', schema: { type: 'string' } });
});
