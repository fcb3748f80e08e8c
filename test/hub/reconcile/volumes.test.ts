import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DataVolume } from '../../../shared/model/data-volume-object.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { MachineState, MachineStatus } from '../../../shared/model/machine.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';
import type { ScriptedDevice } from '../devices/scripted-device.ts';
import { statusOf } from '../devices/scripted-device.ts';

/** Data volumes: those of machines, shown as objects, and those of their own, which go where they are first used. */

let hub: HubWorld;
let device: ScriptedDevice;
beforeEach(async () => {
  hub = await startHub();
  device = await hub.join();
});
afterEach(() => hub.close());

const URL = '/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes';
const blank = (size = '1Gi') => ({
  source: { blank: {} },
  storage: { resources: { requests: { storage: size } } },
});
const volume = (name: string, spec: object = blank()): ResourceObject => ({
  apiVersion: 'cdi.kubevirt.io/v1beta1',
  kind: 'DataVolume',
  metadata: { name },
  spec,
});
const create = async (name: string) =>
  (await hub.call<DataVolume>('POST', URL, volume(name)))?.metadata.uid ?? '';
const find = (name: string) => hub.call<DataVolume>('GET', `${URL}/${name}`);
/** `phase: why`, or undefined where it is not there. */
const phaseOf = async (name: string) => {
  const { status } = (await find(name)) ?? {};
  return status && `${status.phase}: ${status.conditions?.[0]?.message}`;
};
const conditionOf = async (name: string) => (await hub.ready(name)) ?? '';

/** A machine with a disk from the data volume `uses`; with `templates` it has those of its own. */
const machine = (
  name: string,
  uses: string,
  { templates = [] as string[], on = 'edge-1' } = {},
): ResourceObject => ({
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachine',
  metadata: { name },
  spec: {
    runStrategy: 'Always',
    ...(templates.length > 0 && {
      dataVolumeTemplates: templates.map((template) => ({ metadata: { name: template }, spec: blank() })),
    }),
    template: {
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': on },
        domain: { memory: { guest: '128Mi' }, devices: {} },
        volumes: [{ name: 'root', dataVolume: { name: uses } }],
      },
    },
  },
});
const report = (uid: string, state: MachineState, more: Partial<MachineStatus> = {}) =>
  device.tell(statusOf(uid, state, more));
const ofVolume = (name: string) => ({ kind: 'DataVolume' as const, name });
/** The newest document once it has so many entries. */
async function documentWith(count: number) {
  for (;;) {
    const { machines } = await device.takeDocument();
    if (machines.length === count) return machines;
  }
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'taken',
    (error: Error) => error.message,
  );

describe('a data volume of its own', () => {
  test('waits for the first machine that uses it, goes to its device, and outlives it', async () => {
    const uid = await create('shared');
    await poll(() => phaseOf('shared')).toBe(
      'WaitForFirstConsumer: it goes to the device of the first machine that uses it',
    );
    expect(device.documents).toEqual([]);

    const machineUid = await hub.create(machine('pos', 'shared'));
    const entries = await documentWith(2);
    expect(entries.find(({ kind }) => kind === 'DataVolume')).toEqual({
      uid,
      kind: 'DataVolume',
      namespace: 'default',
      name: 'shared',
      generation: 1,
      dataVolume: { metadata: { name: 'shared' }, spec: blank() },
    });
    expect(entries.find(({ kind }) => kind === 'VirtualMachine')).toMatchObject({
      uid: machineUid,
      references: { dataVolumes: { shared: { uid, dataVolume: 'shared' } } },
    });
    const progress = { name: 'shared', phase: 'ImportInProgress', progress: '42.00%' } as const;
    await report(uid, 'Provisioning', { ...ofVolume('shared'), dataVolumes: [progress] });
    await poll(async () => (await find('shared'))?.status).toMatchObject({
      phase: 'ImportInProgress',
      progress: '42.00%',
    });
    await report(uid, 'Stopped', ofVolume('shared'));
    await poll(() => phaseOf('shared')).toBe('Succeeded: it is on device edge-1');
    expect((await hub.device('edge-1'))?.status?.machines).toBe(1);

    await hub.delete('pos');
    await device.takeDocument();
    await report(machineUid, 'Removed');
    await poll(() => hub.machine('pos')).toBeUndefined();
    expect(await documentWith(1)).toMatchObject([{ uid, kind: 'DataVolume' }]);
    expect(await phaseOf('shared')).toBe('Succeeded: it is on device edge-1');
  });

  test('is on one device, and a machine on another says so and waits', async () => {
    await create('shared');
    await hub.create(machine('pos', 'shared'));
    await documentWith(2);
    const other = await hub.join('edge-2');
    await hub.create(machine('second', 'shared', { on: 'edge-2' }));
    await poll(() => conditionOf('second')).toBe(
      'False: spec.template.spec.volumes[0].dataVolume.name names DataVolume default/shared, ' +
        'which is on device edge-1, and the machine on edge-2',
    );
    expect(other.documents).toEqual([]);
  });

  test('is deleted when nothing uses it any more, and gone when its device has removed it', async () => {
    const uid = await create('shared');
    const machineUid = await hub.create(machine('pos', 'shared'));
    await documentWith(2);
    await hub.call('DELETE', `${URL}/shared`);
    await poll(() => phaseOf('shared')).toBe(
      'Pending: it is deleted when it is used no more: VirtualMachine pos uses it',
    );
    // A deletion is a new generation of it, as in Kubernetes: the device is told that, and no more.
    expect(await documentWith(2)).not.toContainEqual(expect.objectContaining({ removed: true }));
    await hub.delete('pos');
    await device.takeDocument();
    await report(machineUid, 'Removed');
    expect(await documentWith(1)).toMatchObject([{ uid, kind: 'DataVolume', removed: true }]);
    await report(uid, 'Removed', ofVolume('shared'));
    await poll(() => find('shared')).toBeUndefined();
    expect(await documentWith(0)).toEqual([]);
  });

  test('that no machine uses is deleted at once', async () => {
    await create('unused');
    await poll(() => phaseOf('unused')).toMatch(/^WaitForFirstConsumer/);
    await hub.call('DELETE', `${URL}/unused`);
    await poll(() => find('unused')).toBeUndefined();
  });

  test('can grow, and is otherwise what it was made as', async () => {
    await create('shared');
    await hub.create(machine('pos', 'shared'));
    await documentWith(2);
    await hub.call('PATCH', `${URL}/shared`, { spec: blank('2Gi') });
    expect((await documentWith(2)).find(({ kind }) => kind === 'DataVolume')).toMatchObject({
      generation: 2,
      dataVolume: { spec: blank('2Gi') },
    });
    expect(await refusal(hub.call('PATCH', `${URL}/shared`, { spec: blank('1Gi') }))).toContain(
      'spec.storage.resources.requests.storage: Forbidden: field can not be less than previous value',
    );
    const http = { source: { blank: null, http: { url: 'http://images.example/a.qcow2' } } };
    expect(await refusal(hub.call('PATCH', `${URL}/shared`, { spec: http }))).toContain(
      "spec: Forbidden: can't be changed, but for its size",
    );
  });
});

test('a machine that names a data volume that is not there waits for it', async () => {
  await hub.create(machine('pos', 'late'));
  await poll(() => hub.printable('pos')).toBe('ErrorPvcNotFound');
  expect(await conditionOf('pos')).toBe(
    'False: spec.template.spec.volumes[0].dataVolume.name names DataVolume default/late, which is not there',
  );
  await create('late');
  await documentWith(2);
});

describe("a machine's data volume", () => {
  test('is an object of its machine, with how far it is, and goes with it', async () => {
    const uid = await hub.create(machine('pos', 'pos-root', { templates: ['pos-root'] }));
    expect((await device.takeDocument()).machines[0]).not.toHaveProperty('references');
    await poll(async () => (await find('pos-root'))?.metadata).toMatchObject({
      ownerReferences: [{ kind: 'VirtualMachine', name: 'pos', uid, controller: true }],
      labels: { 'holdfast.dev/device': 'edge-1' },
    });
    await report(uid, 'Provisioning', { reason: 'FetchingImage', message: 'fetching it' });
    await poll(() => phaseOf('pos-root')).toBe('ImportInProgress: fetching it');
    await report(uid, 'Running');
    await poll(() => phaseOf('pos-root')).toBe('Succeeded: it is on device edge-1');
    expect(await refusal(hub.call('DELETE', `${URL}/pos-root`))).toContain('it is of VirtualMachine pos');
    expect(await refusal(hub.call('PATCH', `${URL}/pos-root`, { spec: blank('9Gi') }))).toContain(
      "change that one's spec.dataVolumeTemplates instead",
    );

    await hub.delete('pos');
    await device.takeDocument();
    await report(uid, 'Removed');
    await poll(() => find('pos-root')).toBeUndefined();
  });

  test("can grow in its machine's spec, and not be asked to be smaller", async () => {
    await hub.create(machine('pos', 'pos-root', { templates: ['pos-first', 'pos-root'] }));
    const first = { metadata: { name: 'pos-first' }, spec: blank() };
    const sized = (size: string) => ({
      spec: { dataVolumeTemplates: [first, { metadata: { name: 'pos-root' }, spec: blank(size) }] },
    });
    await hub.patch('pos', sized('2Gi'));
    expect(await refusal(hub.patch('pos', sized('1536Mi')))).toContain(
      'spec.dataVolumeTemplates[1].spec.storage.resources.requests.storage: Forbidden: field can not be less than',
    );
    await hub.patch('pos', sized('2048Mi'));
  });

  test('can be used by another machine there, which keeps its own from being deleted', async () => {
    const uid = await hub.create(machine('pos', 'pos-root', { templates: ['pos-root'] }));
    await device.takeDocument();
    await hub.create(machine('second', 'pos-root'));
    expect((await documentWith(2)).find(({ name }) => name === 'second')).toMatchObject({
      references: { dataVolumes: { 'pos-root': { uid, dataVolume: 'pos-root' } } },
    });
    expect(await refusal(hub.delete('pos'))).toContain(
      'its disk pos-root is deleted with it, and VirtualMachine second uses that',
    );
    await hub.delete('second');
    await device.takeDocument();
  });

  test('is taken out of the list with its template', async () => {
    await hub.create(machine('pos', 'pos-root', { templates: ['pos-root', 'pos-more'] }));
    await poll(async () => (await find('pos-more'))?.kind).toBe('DataVolume');
    const [first] = (
      machine('pos', 'x', { templates: ['pos-root'] }).spec as { dataVolumeTemplates: object[] }
    ).dataVolumeTemplates;
    await hub.patch('pos', { spec: { dataVolumeTemplates: [first] } });
    await poll(() => find('pos-more')).toBeUndefined();
    expect((await find('pos-root'))?.kind).toBe('DataVolume');
  });
});
