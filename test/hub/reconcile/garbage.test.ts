import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { machine } from '../api/start-api.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';

/** What becomes of objects whose owners are deleted: the whole hub, without devices. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const VMS = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

let hub: HubWorld;
beforeEach(async () => {
  hub = await startHub();
});
afterEach(() => hub.close());

interface Owner {
  readonly name: string;
  readonly uid: string;
}

/** Makes a ConfigMap of these owners. */
async function make(name: string, owners: readonly Owner[] = [], metadata: object = {}): Promise<Owner> {
  const ownerReferences = owners.map((owner) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    blockOwnerDeletion: true,
    ...owner,
  }));
  const made = await hub.call<ResourceObject>('POST', MAPS, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...(owners.length > 0 && { ownerReferences }), ...metadata },
  });
  return { name, uid: made?.metadata.uid ?? '' };
}

async function names(): Promise<string[]> {
  const list = await hub.call<{ items: ResourceObject[] }>('GET', MAPS);
  return (list?.items ?? []).map(({ metadata }) => metadata.name);
}
const read = async (name: string) => (await hub.call<ResourceObject>('GET', `${MAPS}/${name}`))?.metadata;
const remove = (name: string, propagationPolicy?: string) =>
  hub.call('DELETE', `${MAPS}/${name}`, propagationPolicy === undefined ? undefined : { propagationPolicy });
const owned = async (name: string) => (await read(name))?.ownerReferences?.map((owner) => owner.name);

test('what an object owned goes after it, down to the last', async () => {
  const top = await make('top');
  const middle = await make('middle', [top]);
  await make('low', [middle]);
  for (let index = 0; index < 60; index += 1) await make(`leaf-${index}`, [top]);
  await make('other');
  await remove('top');
  await poll(names).toEqual(['other']);
});

test('what has another owner stays, and forgets the one that is gone', async () => {
  const [one, two] = [await make('one'), await make('two')];
  await make('both', [one, two]);
  await remove('one');
  await poll(() => owned('both')).toEqual(['two']);
  await remove('two');
  await poll(names).toEqual([]);
});

test('in the foreground an object waits for what it owns', async () => {
  const top = await make('top');
  const middle = await make('middle', [top]);
  await make('low', [middle], { finalizers: ['holdfast.dev/test'] });
  await remove('top', 'Foreground');
  await poll(async () => (await read('low'))?.deletionTimestamp).toBeDefined();
  expect((await read('middle'))?.finalizers).toEqual(['foregroundDeletion']);
  expect((await read('top'))?.finalizers).toEqual(['foregroundDeletion']);
  await hub.call('PATCH', `${MAPS}/low`, { metadata: { finalizers: null } });
  await poll(names).toEqual([]);
});

test('orphans stay, without their owner', async () => {
  const top = await make('top');
  await make('child', [top]);
  await remove('top', 'Orphan');
  await poll(names).toEqual(['child']);
  expect(await owned('child')).toBeUndefined();
});

test('what was begun is gone on with by the next hub', async () => {
  const top = await make('top');
  await make('child', [top]);
  const rest = await make('waiting');
  await make('held', [rest], { finalizers: ['holdfast.dev/test'] });
  await remove('waiting', 'Foreground');
  await poll(async () => (await read('held'))?.deletionTimestamp).toBeDefined();
  await poll(() => hub.query('select count(*) from garbage')).toEqual([1]);
  // As if it had died between the deletion and what follows from it.
  hub.sql("delete from objects where kind = '/ConfigMap' and name = 'top'");
  hub.sql(`insert into garbage values ('${top.uid}', '/ConfigMap', 'default', 'top')`);
  await hub.restartOn(hub.snapshot());
  await poll(names).toEqual(['held', 'waiting']);
  await hub.call('PATCH', `${MAPS}/held`, { metadata: { finalizers: null } });
  await poll(names).toEqual([]);
  expect(hub.query('select count(*) from garbage')).toEqual([0]);
});

test('an owner that was never there takes nothing with it', async () => {
  const nobody = { name: 'nobody', uid: '00000000-0000-4000-8000-000000000000' };
  await make('child', [nobody]);
  const one = await make('one');
  await remove('one');
  await poll(() => hub.query(`select count(*) from garbage where uid = '${one.uid}'`)).toEqual([0]);
  expect(await names()).toEqual(['child']);
});

test('a machine in the foreground goes when all that is its own has gone', async () => {
  const made = await hub.call<ResourceObject>('POST', VMS, machine('pos'));
  const owner = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    name: 'pos',
    uid: made?.metadata.uid,
  };
  await make('seed', [], { ownerReferences: [{ ...owner, blockOwnerDeletion: true }] });
  await hub.call('DELETE', `${VMS}/pos`, { propagationPolicy: 'Foreground' });
  await poll(names).toEqual([]);
  await poll(() => hub.machine('pos')).toBeUndefined();
});

test('a pool in the foreground takes its machines with it', async () => {
  const pools = '/apis/pool.kubevirt.io/v1beta1/namespaces/default/virtualmachinepools';
  const labels = { app: 'till' };
  const { spec } = machine('till') as ResourceObject & { spec: { template: object } };
  await hub.call('POST', pools, {
    apiVersion: 'pool.kubevirt.io/v1beta1',
    kind: 'VirtualMachinePool',
    metadata: { name: 'till' },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      virtualMachineTemplate: {
        metadata: { labels },
        spec: { ...spec, template: { ...spec.template, metadata: { labels } } },
      },
    },
  });
  await poll(() => hub.machine('till-1')).toBeDefined();
  await hub.call('DELETE', `${pools}/till`, { propagationPolicy: 'Foreground' });
  await poll(() => hub.call('GET', `${pools}/till`)).toBeUndefined();
  expect(await hub.machine('till-0')).toBeUndefined();
});
