import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { helm } from '../../tools/helm.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { startHub } from '../devices/hub-world.ts';

/** The real Helm with a chart of a machine, a ConfigMap and a Secret. Each test goes on where the one before ended. */

const CHART = join(import.meta.dirname, 'helm-chart');
const MACHINES = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

let hub: HubWorld;
let kubeconfig: string;
beforeAll(async () => {
  hub = await startHub();
  kubeconfig = hub.kubeconfig();
});
afterAll(() => hub.close());

async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await helm(kubeconfig, args);
  expect([args, code, stderr]).toEqual([args, 0, '']);
  return stdout;
}

async function shown() {
  const machine = await hub.call<ResourceObject>('GET', `${MACHINES}/shop-till`);
  const settings = await hub.call<ResourceObject>(
    'GET',
    '/api/v1/namespaces/default/configmaps/shop-settings',
  );
  const login = await hub.call<ResourceObject>('GET', '/api/v1/namespaces/default/secrets/shop-login');
  return {
    memory: (machine?.spec as { template: { spec: { domain: { memory: object } } } }).template.spec.domain
      .memory,
    greeting: settings?.['data'],
    password: login?.['data'],
    generation: machine?.metadata.generation,
  };
}

const BEFORE = {
  memory: { guest: '128Mi' },
  greeting: { greeting: 'hello' },
  password: { password: 'b25l' },
};
const AFTER = { memory: { guest: '256Mi' }, greeting: { greeting: 'bye' }, password: { password: 'dHdv' } };

test('installs a release, with who owns its fields', async () => {
  expect(await output('install', 'shop', CHART)).toContain('STATUS: deployed');
  expect(await shown()).toMatchObject({ ...BEFORE, generation: 1 });
  const machine = await hub.call<ResourceObject>('GET', `${MACHINES}/shop-till`);
  expect(machine?.metadata.managedFields).toContainEqual(
    expect.objectContaining({ manager: 'helm', operation: 'Apply' }),
  );
  expect(await output('list', '--short')).toBe('shop\n');
});

test('upgrades it, and rolls it back', async () => {
  const values = ['memory=256Mi', 'greeting=bye', 'password=two'].flatMap((value) => ['--set', value]);
  await output('upgrade', 'shop', CHART, ...values);
  expect(await shown()).toMatchObject({ ...AFTER, generation: 2 });
  await output('rollback', 'shop', '1');
  expect(await shown()).toMatchObject({ ...BEFORE, generation: 3 });
  const history = JSON.parse(await output('history', 'shop', '-o', 'json')) as { status: string }[];
  expect(history.map(({ status }) => status)).toEqual(['superseded', 'superseded', 'deployed']);
});

test('takes nothing of what others have set since, unless told to', async () => {
  const mine = { spec: { template: { spec: { domain: { memory: { guest: '192Mi' } } } } } };
  await hub.call('PATCH', `${MACHINES}/shop-till?fieldManager=operator`, mine);
  const upgrade = ['upgrade', 'shop', CHART, '--set', 'memory=256Mi'];
  const { code, stderr } = await helm(kubeconfig, upgrade);
  expect([code, stderr]).toEqual([1, expect.stringContaining('conflict with "operator"')]);
  expect((await shown()).memory).toEqual({ guest: '192Mi' });
  await output(...upgrade, '--force-conflicts');
  expect((await shown()).memory).toEqual({ guest: '256Mi' });
});

test('uninstalls it, and leaves nothing', async () => {
  expect(await output('uninstall', 'shop')).toBe('release "shop" uninstalled\n');
  for (const kind of ['configmaps', 'secrets']) {
    const left = await hub.call<{ items: ResourceObject[] }>('GET', `/api/v1/namespaces/default/${kind}`);
    expect(left?.items).toEqual([]);
  }
  expect((await hub.call<{ items: ResourceObject[] }>('GET', MACHINES))?.items).toEqual([]);
});

test('works without server-side apply too, as older versions do', async () => {
  await output('install', 'shop', CHART, '--server-side=false');
  await output('upgrade', 'shop', CHART, '--server-side=false', '--set', 'memory=256Mi');
  expect((await shown()).memory).toEqual({ guest: '256Mi' });
  await output('uninstall', 'shop');
});
