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
  expect(body.groups.map(({ name }) => name)).toEqual([
    'holdfast.dev',
    'kubevirt.io',
    'instancetype.kubevirt.io',
    'cdi.kubevirt.io',
    'k8s.cni.cncf.io',
    'apps',
    'subresources.kubevirt.io',
  ]);
  const group = await api.call<Group>('GET', '/apis/kubevirt.io/');
  expect(group.body.preferredVersion.version).toBe('v1');
  const { body: list } = await api.call<{ resources: Group[] }>('GET', '/apis/kubevirt.io/v1alpha3');
  expect(list.resources.map(({ name }) => name)).toContain('virtualmachines/status');
  expect((await api.call('GET', '/api/v1')).body).toMatchObject({ groupVersion: 'v1' });
  expect((await api.call('GET', '/apis/subresources.kubevirt.io/v1')).body).toMatchObject({
    resources: [{ name: 'virtualmachines/restart', namespaced: true, verbs: ['update'] }],
  });
  const own = await api.call<{ resources: Group[] }>('GET', '/apis/holdfast.dev/v1alpha1');
  expect(own.body.resources.map(({ name }) => name)).toEqual([
    'devices',
    'devices/status',
    'devices/timeline',
    'devices/ping',
  ]);
  for (const path of ['/apis/nope', '/apis/kubevirt.io/v2', '/api/v2', '/nope', '/', '/openapi/v2']) {
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
  expect(body.items.map(({ metadata }) => metadata.name)).toEqual([
    'holdfast.dev',
    'kubevirt.io',
    'instancetype.kubevirt.io',
    'cdi.kubevirt.io',
    'k8s.cni.cncf.io',
    'apps',
    'subresources.kubevirt.io',
  ]);
  const vm = body.items[1]?.versions[0]?.resources.find(({ resource }) => resource === 'virtualmachines');
  expect(vm).toMatchObject({ scope: 'Namespaced', shortNames: ['vm', 'vms'], categories: ['all'] });
  // Without a response kind clients take the kind itself for not served in this group.
  expect(body.items.at(-1)?.versions[0]?.resources).toEqual([
    {
      resource: 'virtualmachines',
      scope: 'Namespaced',
      verbs: [],
      subresources: [
        {
          subresource: 'restart',
          responseKind: { group: 'subresources.kubevirt.io', version: 'v1', kind: 'Status' },
          verbs: ['update'],
        },
      ],
    },
  ]);
  const core = await discover('/api');
  expect(core.body.items[0]?.metadata.name).toBe('');
});

test('documents every kind in OpenAPI', async () => {
  const { paths } = (await api.call<OpenApiIndex>('GET', '/openapi/v3')).body;
  expect(Object.keys(paths)).toEqual([
    'api/v1',
    'apis/holdfast.dev/v1alpha1',
    'apis/kubevirt.io/v1',
    'apis/kubevirt.io/v1alpha3',
    'apis/instancetype.kubevirt.io/v1beta1',
    'apis/cdi.kubevirt.io/v1beta1',
    'apis/k8s.cni.cncf.io/v1',
    'apis/apps/v1',
  ]);
  const url = paths['apis/kubevirt.io/v1']?.serverRelativeURL ?? '';
  const { body } = await api.call<OpenApiDocument>('GET', url);
  const fields = (properties: object) => ({ properties });
  const guest = { type: 'string', 'x-kubernetes-int-or-string': true };
  const domain = fields({ memory: fields({ guest }) });
  expect(body.components.schemas['io.kubevirt.v1.VirtualMachine']).toMatchObject({
    ...fields({ spec: fields({ template: fields({ spec: fields({ domain }) }) }) }),
    'x-kubernetes-group-version-kind': [{ group: 'kubevirt.io', version: 'v1', kind: 'VirtualMachine' }],
  });
  const single = body.paths['/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{name}'];
  const parameters = single?.patch?.parameters;
  expect(parameters).toContainEqual({ name: 'fieldValidation', in: 'query', schema: { type: 'string' } });
});
