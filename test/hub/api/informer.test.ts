import type { KubernetesListObject, V1ConfigMap } from '@kubernetes/client-node';
import { CoreV1Api, KubeConfig, makeInformer } from '@kubernetes/client-node';
import { expect, onTestFinished, test } from 'vitest';
import type { Store } from '../../../hub/ports.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { createApiHost } from './api-host.ts';

const CONFIG_MAPS = '/api/v1/configmaps';
const KIND = '/ConfigMap';
const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Makes, changes and removes config maps, each change in a transaction of its own. */
async function change(store: Store, round: string): Promise<void> {
  for (const [index, name] of NAMES.entries()) {
    const key = { kind: KIND, namespace: 'default', name };
    const metadata = { name, namespace: 'default', uid: name };
    for (const step of ['1', '2']) {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { round, step } };
      await store.transaction(({ objects }) => objects.put(key, object));
    }
    if (index === round.length % NAMES.length) await store.transaction(({ objects }) => objects.remove(key));
  }
}

test('an informer survives restarts and compaction, and misses nothing', async () => {
  const host = createApiHost();
  await host.start();
  await change(host.store, 'before');
  const config = new KubeConfig();
  config.loadFromFile(host.kubeconfig());
  const core = config.makeApiClient(CoreV1Api);
  const list = (): Promise<KubernetesListObject<V1ConfigMap>> => core.listConfigMapForAllNamespaces();
  const informer = makeInformer(config, CONFIG_MAPS, list);
  onTestFinished(() => informer.stop());
  const seen: string[] = [];
  const note = (what: string) => (object: V1ConfigMap) =>
    seen.push(`${what} ${object.metadata?.name} ${object.metadata?.resourceVersion}`);
  informer.on('add', note('ADDED'));
  informer.on('update', note('MODIFIED'));
  informer.on('delete', note('DELETED'));
  // Where the hub is not there, who watches is told, and tries again.
  informer.on('error', () => setTimeout(() => void informer.start(), 50).unref());
  await informer.start();

  const stored = async () => {
    const objects = await host.store.transaction((tables) => tables.objects.list(KIND));
    return objects.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).sort();
  };
  const informed = () =>
    informer
      .list()
      .map(({ metadata }) => `${metadata?.name} ${metadata?.resourceVersion}`)
      .sort();
  const agree = async (what: string) =>
    waitFor(what, async () => JSON.stringify(informed()) === JSON.stringify(await stored()), 20_000);
  await agree('the first list');

  const from = await host.store.transaction(({ objects }) => objects.resourceVersion());
  seen.length = 0;
  await change(host.store, 'while it watches');
  await agree('what changed');
  await host.stop();
  await host.start();
  await change(host.store, 'after a restart');
  await agree('what changed after a restart');
  const changes = await host.store.transaction(({ objects }) => objects.changesSince(KIND, from, 1_000));
  const wanted = changes?.map(({ type, key, resourceVersion }) => `${type} ${key.name} ${resourceVersion}`);
  expect(seen).toEqual(wanted);

  await host.stop();
  await host.whileDown(async (store) => {
    await change(store, 'and forgotten');
    await store.transaction(({ objects }) => objects.pruneChanges(0, 1_000));
  });
  await host.start();
  await change(host.store, 'and told again');
  await agree('what is there after the log was forgotten');
});
