import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { kubectl } from '../../tools/kubectl.ts';
import { machine } from '../api/start-api.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';
import type { ScriptedDevice } from '../devices/scripted-device.ts';
import { reportOf, statusOf } from '../devices/scripted-device.ts';

/** Sets of machines: the whole hub with real devices' sessions, each of which runs what it is told to. */

const POOLS = '/apis/pool.kubevirt.io/v1beta1/namespaces/default/virtualmachinepools';
const SETS = '/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstancereplicasets';
const DEVICES = ['edge-1', 'edge-2', 'edge-3'];

let hub: HubWorld;
let devices: Map<string, ScriptedDevice>;
beforeEach(async () => {
  hub = await startHub();
  devices = new Map();
  for (const name of DEVICES) {
    const device = await hub.connect({ name });
    devices.set(name, device);
    await device.hello();
    await device.takeDocument();
    await hub.relabel(name, { role: 'till' });
  }
});
afterEach(() => hub.close());

/** Has a device report that it does all that the first document asks for that has what is meant. */
async function runAll(
  device: ScriptedDevice,
  sequence: number,
  isMeant: (entries: readonly object[]) => boolean,
): Promise<void> {
  let document = await device.takeDocument();
  while (!isMeant(document.machines)) document = await device.takeDocument();
  const bodies = document.machines.map((entry) => {
    const {
      uid,
      name,
      kind,
      generation = 0,
    } = entry as { uid: string; name: string; kind: 'VirtualMachine'; generation?: number };
    return statusOf(uid, 'removed' in entry ? 'Removed' : 'Running', { name, kind, generation });
  });
  await device.report(...bodies.map((body, index) => reportOf(sequence + index, body)));
}

const LABELS = { app: 'till' };
const template = (runStrategy?: string) => {
  const { spec } = machine('till') as ResourceObject & { spec: { template: { spec: object } } };
  const { spec: instance } = spec.template;
  const placed = { ...instance, nodeSelector: { role: 'till' } };
  const metadata = { labels: LABELS };
  return runStrategy === undefined
    ? { metadata, spec: placed }
    : { metadata, spec: { runStrategy, template: { spec: placed } } };
};
const pool = (replicas: number, more: object = {}) => ({
  apiVersion: 'pool.kubevirt.io/v1beta1',
  kind: 'VirtualMachinePool',
  metadata: { name: 'till' },
  spec: { replicas, selector: { matchLabels: LABELS }, virtualMachineTemplate: template('Always'), ...more },
});

async function machines(): Promise<VirtualMachine[]> {
  const path = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
  return (await hub.call<{ items: VirtualMachine[] }>('GET', path))?.items ?? [];
}
const names = async () => (await machines()).map(({ metadata }) => metadata.name);
const places = async () => (await machines()).map(({ metadata }) => metadata.labels?.['holdfast.dev/device']);

test('a pool spreads its machines over the devices that match, and says how many are ready', async () => {
  await hub.call('POST', POOLS, pool(4));
  await poll(names).toEqual(['till-0', 'till-1', 'till-2', 'till-3']);
  const counts = await places();
  expect(counts).toHaveLength(4);
  expect(new Set(counts)).toEqual(new Set(DEVICES));
  for (const [name, device] of devices) {
    const count = counts.filter((place) => place === name).length;
    await runAll(device, 1, (entries) => entries.length === count);
  }
  const status = async () => (await hub.call<ResourceObject>('GET', `${POOLS}/till`))?.status;
  await poll(status).toMatchObject({ replicas: 4, readyReplicas: 4, labelSelector: 'app=till' });
});

test('machines that no device matches get theirs when one comes', async () => {
  const elsewhere = pool(2);
  Object.assign(elsewhere.spec.virtualMachineTemplate.spec as object, {
    template: { spec: { ...(template() as { spec: object }).spec, nodeSelector: { role: 'kiosk' } } },
  });
  await hub.call('POST', POOLS, elsewhere);
  const conditions = async () =>
    (
      (await hub.call<ResourceObject>('GET', `${POOLS}/till`))?.status as
        { conditions?: { reason: string }[] } | undefined
    )?.conditions?.map(({ reason }) => reason);
  await poll(conditions).toEqual(['Unschedulable']);
  expect(await hub.ready('till-0')).toContain(
    'VirtualMachinePool till has yet to choose a device: 0 devices match',
  );
  await hub.relabel('edge-2', { role: 'kiosk' });
  await poll(places).toEqual(['edge-2', 'edge-2']);
  await poll(conditions).toBeUndefined();
});

test('node affinity says where the machines of a set may be, and where they are put first', async () => {
  const isDevice = (operator: string, name: string) => ({
    matchFields: [{ key: 'metadata.name', operator, values: [name] }],
  });
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [isDevice('NotIn', 'edge-1')] },
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: isDevice('In', 'edge-3') }],
  };
  const { spec } = template() as { spec: object };
  const choosy = { spec: { ...spec, affinity: { nodeAffinity } } };
  const virtualMachineTemplate = {
    ...template('Always'),
    spec: { runStrategy: 'Always', template: choosy },
  };
  await hub.call('POST', POOLS, pool(3, { virtualMachineTemplate }));
  await poll(places).toEqual(['edge-3', 'edge-2', 'edge-3']);
  // A machine of its own runs where one device alone is left to it.
  const terms = { nodeSelectorTerms: [isDevice('In', 'edge-2')] };
  const alone = { requiredDuringSchedulingIgnoredDuringExecution: terms };
  const ownSpec = { ...spec, nodeSelector: {}, affinity: { nodeAffinity: alone } };
  const own = { ...machine('own'), spec: { runStrategy: 'Halted', template: { spec: ownSpec } } };
  await hub.create(own);
  await poll(async () => (await hub.machine('own'))?.metadata.labels?.['holdfast.dev/device']).toBe('edge-2');
});

test('a machine that is deleted is made again, and deleting the pool deletes all', async () => {
  await hub.call('POST', POOLS, pool(2));
  await poll(names).toEqual(['till-0', 'till-1']);
  const [first] = await machines();
  const old = first?.metadata.uid;
  await hub.delete('till-0');
  const device = devices.get((await places())[0] ?? '');
  if (device === undefined) throw new Error('the machine has no device');
  await runAll(device, 1, (entries) => entries.some((entry) => 'removed' in entry));
  // Its name is free again once its device has removed it: until then, as in KubeVirt, another one is taken.
  const uids = async () => (await machines()).map(({ metadata }) => metadata.uid);
  await poll(async () => (await uids()).length === 2 && !(await uids()).includes(old)).toBe(true);
  await hub.call('DELETE', `${POOLS}/till`);
  const deleted = async () =>
    (await machines()).every(({ metadata }) => metadata.deletionTimestamp !== undefined);
  await poll(deleted).toBe(true);
});

test('a replica set replaces runs that have ended', async () => {
  await hub.call('POST', SETS, {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstanceReplicaSet',
    metadata: { name: 'kiosk' },
    spec: { replicas: 1, selector: { matchLabels: LABELS }, template: template() },
  });
  const path = '/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances';
  const runs = async () => (await hub.call<{ items: ResourceObject[] }>('GET', path))?.items ?? [];
  await poll(async () =>
    (await runs()).map(({ metadata }) => metadata.labels?.['holdfast.dev/device']),
  ).toEqual([expect.stringMatching(/^edge-/)]);
  const [run] = await runs();
  expect(run?.metadata.name).toMatch(/^kiosk[a-z0-9]{5}$/);
  const device = devices.get(run?.metadata.labels?.['holdfast.dev/device'] ?? '');
  await device?.takeDocument();
  const { uid = '', name = '' } = run?.metadata ?? {};
  await device?.report(reportOf(1, statusOf(uid, 'Succeeded', { name, kind: 'VirtualMachineInstance' })));
  await poll(async () => (await runs()).some(({ metadata }) => metadata.uid !== uid)).toBe(true);
});

test('is scaled through its scale, as kubectl does it', async () => {
  await hub.call('POST', POOLS, pool(1));
  await poll(names).toEqual(['till-0']);
  const scaled = await kubectl(hub.kubeconfig(), ['scale', 'vmpool', 'till', '--replicas=3'], { stdin: '' });
  expect([scaled.code, scaled.stdout.trim(), scaled.stderr]).toEqual([
    0,
    'virtualmachinepool.pool.kubevirt.io/till scaled',
    '',
  ]);
  await poll(names).toEqual(['till-0', 'till-1', 'till-2']);
  expect(await hub.call('GET', `${POOLS}/till/scale`)).toMatchObject({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    spec: { replicas: 3 },
  });
});

test.each([
  [
    'another selector',
    {
      selector: { matchLabels: { app: 'other' } },
      virtualMachineTemplate: { ...template('Always'), metadata: { labels: { app: 'other' } } },
    },
    'spec.selector: Invalid value: field is immutable',
  ],
  [
    'a selector that misses the template',
    { selector: { matchLabels: { app: 'other' } } },
    "must select the template's labels",
  ],
  ['two strategies', { scaleInStrategy: { proactive: {}, unmanaged: {} } }, 'must be one strategy'],
  [
    'kept disks',
    { scaleInStrategy: { proactive: { statePreservation: 'Offline' } } },
    'Offline and Online are not supported',
  ],
])('a pool with %s is refused', async (_, change, why) => {
  await hub.call('POST', POOLS, pool(0));
  await expect(hub.call('PATCH', `${POOLS}/till`, { spec: change })).rejects.toThrow(why);
});
