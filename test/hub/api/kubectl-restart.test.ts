import { expect, test } from 'vitest';
import { startKubectl } from '../../tools/kubectl.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { createApiHost } from './api-host.ts';

/** What becomes of the commands that go on when the hub is stopped and started again. */

const KEY = { kind: '/ConfigMap', namespace: 'default', name: 'till' };
const map = (state: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: KEY.name, namespace: KEY.namespace, uid: KEY.name },
  data: { state },
});

/** Waits until so many watches are open at a hub. */
const watched = (address: string, count: number) =>
  waitFor(`${count} watches`, async () => {
    const metrics = await (await fetch(`http://${address}/metrics`)).text();
    const [line = ''] = /^apiserver_longrunning_requests\{.*"configmaps".*$/m.exec(metrics) ?? [];
    return line.endsWith(` ${count}`);
  });

test('`wait` goes on, with what it missed, and `get -w` ends without a complaint', async () => {
  const host = createApiHost();
  await host.start();
  await host.store.transaction(({ objects }) => objects.put(KEY, map('closed')));
  const start = (command: string) => startKubectl(host.kubeconfig(), command.split(' '));
  const shown = start('get configmap till -w -o jsonpath={.data.state}.');
  const opened = start('wait configmap/till --for=jsonpath={.data.state}=open --timeout=50s');
  const deleted = start('wait configmap/till --for=delete --timeout=50s');
  await watched(host.address, 3);
  await host.stop();
  expect(await shown.finished).toEqual({ code: 0, stdout: 'closed.', stderr: '' });
  // The log is pruned too: they can't go on from where they were, and have to read all again.
  await host.whileDown(async (store) => {
    await store.transaction(({ objects }) => objects.put(KEY, map('open')));
    await store.transaction(({ objects }) => objects.pruneChanges(0, 1_000));
  });
  await host.start();
  const met = { code: 0, stdout: 'configmap/till condition met\n' };
  expect(await opened.finished).toMatchObject(met);
  await watched(host.address, 1);
  await host.store.transaction(({ objects }) => objects.remove(KEY));
  expect(await deleted.finished).toMatchObject(met);
});
