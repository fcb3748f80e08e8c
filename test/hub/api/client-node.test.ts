import type { KubernetesObject } from '@kubernetes/client-node';
import { CoreV1Api, CustomObjectsApi, KubeConfig, Watch, makeInformer } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { VMS, machine, startApi } from './start-api.ts';

const VM = { group: 'kubevirt.io', version: 'v1', namespace: 'default', plural: 'virtualmachines' };

let api: TestApi;
let config: KubeConfig;
beforeAll(async () => {
  api = await startApi();
  config = new KubeConfig();
  config.loadFromFile(api.kubeconfigPath);
});
afterAll(() => api.close());

test('the JavaScript client creates, lists, patches, watches and deletes', async () => {
  const custom = config.makeApiClient(CustomObjectsApi);
  const core = config.makeApiClient(CoreV1Api);
  await core.createNamespace({ body: { metadata: { name: 'shop' } } });
  expect((await core.listNamespace()).items.map(({ metadata }) => metadata?.name)).toContain('shop');

  const seen: string[] = [];
  const watch = await new Watch(config).watch(
    VMS,
    {},
    (phase: string, object: KubernetesObject) => seen.push(`${phase} ${object.metadata?.name}`),
    () => {},
  );
  const list = async () =>
    (await custom.listNamespacedCustomObject(VM)) as { metadata: object; items: KubernetesObject[] };
  const informer = makeInformer(config, VMS, list);
  informer.on('add', ({ metadata }) => seen.push(`informed ${metadata?.name}`));
  await informer.start();

  await custom.createNamespacedCustomObject({ ...VM, body: machine('a') });
  await custom.patchNamespacedCustomObject({
    ...VM,
    name: 'a',
    body: [{ op: 'replace', path: '/spec/runStrategy', value: 'Once' }],
  });
  expect((await list()).items.map(({ metadata }) => metadata?.generation)).toEqual([2]);
  await custom.deleteNamespacedCustomObject({ ...VM, name: 'a' });
  await expect(custom.getNamespacedCustomObject({ ...VM, name: 'a' })).rejects.toMatchObject({ code: 404 });
  await expect.poll(() => [...seen].sort()).toEqual(['ADDED a', 'DELETED a', 'MODIFIED a', 'informed a']);
  watch.abort();
  await informer.stop();
});
