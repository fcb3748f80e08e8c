import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { kubectl } from '../../tools/kubectl.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, VMIS, desiredOf, hello, report, startHub, statusOf } from '../start-hub.ts';
import { machine, startApi } from './start-api.ts';

/** KubeVirt's addvolume and removevolume: what they make of a machine's spec, which its device then gets. */

const VM = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default';

/** As `virtctl addvolume pos --volume-name=ledger` sends it. */
const ADD = {
  name: 'ledger',
  disk: { disk: { bus: 'scsi' }, serial: 'ledger' },
  volumeSource: { dataVolume: { name: 'ledger', hotpluggable: true } },
};
const REMOVE = { name: 'ledger' };

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello());
  await poll(async () => (await hub.call('GET', `${DEVICES}/edge-1`)).code).toBe(200);
  await hub.call('POST', VM, placed('pos'));
});
afterEach(() => hub.stop());

const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });
const put = (path: string, body?: object) => hub.call('PUT', `${SUB}/${path}`, body);

/** What an instance is made with, on the device. */
function instanceSpec(): object {
  const { template } = machine('pos').spec as { template: { spec: object } };
  return { ...template.spec, nodeSelector: { 'kubernetes.io/hostname': 'edge-1' } };
}

function placed(name: string): ResourceObject {
  return { ...machine(name), spec: { runStrategy: 'Halted', template: { spec: instanceSpec() } } };
}

/** The names of a spec's volumes and disks, and the whole of the last ones. */
function seen({ volumes, domain }: { volumes: object[]; domain: { devices: { disks: object[] } } }) {
  const { disks } = domain.devices;
  return { names: [names(volumes), names(disks)], last: [volumes.at(-1), disks.at(-1)] };
}

const names = (list: object[]) => list.map((one) => (one as { name: string }).name);

async function machineNow() {
  const { body } = await hub.call<{ spec: { template: { spec: Parameters<typeof seen>[0] } } }>(
    'GET',
    `${VM}/pos`,
  );
  return seen(body.spec.template.spec);
}

describe('a volume', () => {
  test('is added to a machine with its disk, tried first, and taken away by its name', async () => {
    expect((await put('virtualmachines/pos/addvolume', { ...ADD, dryRun: ['All'] })).code).toBe(202);
    expect((await machineNow()).names).toEqual([['root'], ['root']]);
    expect(await put('virtualmachines/pos/addvolume', ADD)).toMatchObject({
      code: 202,
      body: { kind: 'Status', status: 'Success' },
    });
    expect(await machineNow()).toEqual({
      names: [
        ['root', 'ledger'],
        ['root', 'ledger'],
      ],
      last: [
        { name: 'ledger', dataVolume: { name: 'ledger', hotpluggable: true } },
        { name: 'ledger', disk: { bus: 'scsi' }, serial: 'ledger' },
      ],
    });
    expect((await put('virtualmachines/pos/removevolume?dryRun=All', REMOVE)).code).toBe(202);
    expect((await machineNow()).names).toEqual([
      ['root', 'ledger'],
      ['root', 'ledger'],
    ]);
    expect((await put('virtualmachines/pos/removevolume', REMOVE)).code).toBe(202);
    expect((await machineNow()).names).toEqual([['root'], ['root']]);
  });

  test('under another name than its source is found by either, and can be added without being marked so', async () => {
    const claim = { persistentVolumeClaim: { claimName: 'ledger' } };
    const disk = { name: 'other', disk: { bus: 'virtio' } };
    await put('virtualmachines/pos/addvolume', { name: 'extra', disk, volumeSource: claim });
    expect((await machineNow()).last).toEqual([
      { name: 'extra', persistentVolumeClaim: { claimName: 'ledger', hotpluggable: true } },
      { name: 'extra', disk: { bus: 'virtio' } },
    ]);
    expect((await put('virtualmachines/pos/removevolume', REMOVE)).code).toBe(202);
    expect((await machineNow()).names).toEqual([['root'], ['root']]);
  });

  test.each([
    ['addvolume', undefined, 400, 'Request with no body, a new name is expected as the request body'],
    ['addvolume', { ...ADD, name: '' }, 400, 'AddVolumeOptions requires name to be set'],
    ['addvolume', { ...ADD, disk: undefined }, 400, 'AddVolumeOptions requires disk to not be nil'],
    ['addvolume', { ...ADD, volumeSource: undefined }, 400, 'requires VolumeSource to not be nil'],
    ['addvolume', { ...ADD, volumeSource: {} }, 400, 'exactly one of dataVolume and persistentVolumeClaim'],
    ['addvolume', { ...ADD, size: '1Gi' }, 400, 'size'],
    ['addvolume', { ...ADD, volumeSource: { emptyDisk: {} } }, 400, 'volumeSource.emptyDisk'],
    ['addvolume', { ...ADD, dryRun: ['Some'] }, 400, 'dryRun'],
    ['addvolume', { ...ADD, name: 'root' }, 409, 'Unable to add volume [root] because volume with that name'],
    ['addvolume', { ...ADD, disk: { lun: {} } }, 422, 'spec.template.spec.domain.devices.disks[1].lun'],
    ['addvolume', { ...ADD, disk: { disk: { bus: 'ide' } } }, 422, 'disks[1].disk.bus'],
    ['removevolume', {}, 400, 'RemoveVolumeOptions requires name to be set'],
    ['removevolume', REMOVE, 409, 'Unable to remove volume [ledger] because it does not exist'],
    ['removevolume', { name: 'root' }, 409, 'Unable to remove volume [root] because it is not hotpluggable'],
  ])('is refused: %s %j is %i', async (verb, body, code, why) => {
    const refused = await put(`virtualmachines/pos/${verb}`, body);
    expect([refused.code, refused.body.message]).toEqual([code, expect.stringContaining(why)]);
    expect((await machineNow()).names).toEqual([['root'], ['root']]);
  });

  test('whose source is there already is refused, and so is one of a machine that is not there', async () => {
    await put('virtualmachines/pos/addvolume', ADD);
    expect((await put('virtualmachines/pos/addvolume', { ...ADD, name: 'again' })).body.message).toMatch(
      /Unable to add volume source \[ledger\] because it already exists$/,
    );
    expect((await put('virtualmachines/till/addvolume', ADD)).code).toBe(404);
  });
});

describe('of an instance', () => {
  test('that is a run of a machine it is asked of the machine', async () => {
    await hub.call('PUT', `${SUB}/virtualmachines/pos/start`, {});
    await poll(async () => (await hub.call('GET', `${VMIS}/pos`)).code).toBe(200);
    const refused = await put('virtualmachineinstances/pos/addvolume', ADD);
    expect([refused.code, refused.body.message]).toEqual([
      400,
      'VMI default/pos is owned by a VM: ask for it of virtualmachines/pos',
    ]);
  });

  test('of its own it changes what its device is to run, once the guest runs', async () => {
    const kiosk = {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachineInstance',
      metadata: { name: 'kiosk' },
      spec: instanceSpec(),
    };
    const uid = (await hub.call('POST', VMIS, kiosk)).body.metadata.uid ?? '';
    const volume = {
      apiVersion: 'cdi.kubevirt.io/v1beta1',
      kind: 'DataVolume',
      metadata: { name: 'ledger' },
    };
    const spec = { source: { blank: {} }, storage: { resources: { requests: { storage: '1Gi' } } } };
    const refused = await put('virtualmachineinstances/kiosk/addvolume', ADD);
    expect([refused.code, refused.body.message]).toEqual([409, expect.stringMatching(/VMI is not running$/)]);

    await hub.call('POST', '/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes', {
      ...volume,
      spec,
    });
    await poll(() => entry(uid)).toBeDefined();
    const status = { ...statusOf(uid, 'kiosk', 'Running'), kind: 'VirtualMachineInstance' };
    hub.say('edge-1', 'report', report(1, { kind: 'machine', status }));
    await poll(async () => (await put('virtualmachineinstances/kiosk/addvolume', ADD)).code).toBe(202);
    await poll(() => entry(uid)).toEqual([
      ['root', 'ledger'],
      ['root', 'ledger'],
    ]);
    expect((await put('virtualmachineinstances/kiosk/removevolume', REMOVE)).code).toBe(202);
    await poll(() => entry(uid)).toEqual([['root'], ['root']]);
  });

  /** What the device was last told of a machine. */
  function entry(uid: string) {
    const found = desiredOf(hub.sent, 'edge-1')?.machines.find((one) => one.uid === uid);
    return found && 'spec' in found ? seen(found.spec as Parameters<typeof seen>[0]).names : undefined;
  }
});

test('kubectl adds and removes volumes as virtctl does', async () => {
  const api = await startApi();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-volumes-'));
  const file = join(folder, 'options.json');
  await api.call('POST', VM, machine('pos'));
  for (const [verb, options] of [
    ['addvolume', ADD],
    ['removevolume', REMOVE],
  ] as const) {
    writeFileSync(file, JSON.stringify(options));
    const path = `${SUB}/virtualmachines/pos/${verb}`;
    const { code, stderr } = await kubectl(api.kubeconfigPath, ['replace', '--raw', path, '-f', file]);
    expect([verb, code, stderr]).toEqual([verb, 0, '']);
  }
  const resources = await kubectl(api.kubeconfigPath, ['get', '--raw', '/apis/subresources.kubevirt.io/v1']);
  expect(resources.stdout).toContain('"virtualmachineinstances/addvolume"');
  rmSync(folder, { recursive: true });
  await api.close();
});
