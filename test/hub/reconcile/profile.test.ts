import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';
import type { ScriptedDevice } from '../devices/scripted-device.ts';
import { reportOf, statusOf } from '../devices/scripted-device.ts';

/** Machines of an instancetype and a preference: what their device is told, and what an edit of either changes. */

let hub: HubWorld;
let device: ScriptedDevice;
beforeEach(async () => {
  hub = await startHub();
  device = await hub.join();
});
afterEach(() => hub.close());

const GROUP = '/apis/instancetype.kubevirt.io/v1beta1';
const REVISIONS = '/apis/apps/v1/namespaces/default/controllerrevisions';
const named = (kind: string, name: string, spec: object): ResourceObject => ({
  apiVersion: 'instancetype.kubevirt.io/v1beta1',
  kind,
  metadata: { name },
  spec,
});
const small = { cpu: { guest: 2 }, memory: { guest: '256Mi' } };
const machine = (members: object, domain: object = {}, name = 'pos'): ResourceObject => ({
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachine',
  metadata: { name },
  spec: {
    runStrategy: 'Always',
    template: {
      spec: { nodeSelector: { 'kubernetes.io/hostname': 'edge-1' }, domain: { devices: {}, ...domain } },
    },
    ...members,
  },
});
const refusal = (object: ResourceObject): Promise<string> =>
  hub.create(object).then(
    () => 'taken',
    (error: Error) => error.message.replace(/^.* is invalid: /, ''),
  );
const entryOf = async () => (await device.takeDocument()).machines[0] as { spec: { domain: object } };
const revisions = async () => {
  const list = await hub.call<{ items: ResourceObject[] }>('GET', REVISIONS);
  return list?.items.map(({ metadata }) => metadata.name) ?? [];
};

describe('a machine of an instancetype', () => {
  beforeEach(async () => {
    await hub.call(
      'POST',
      `${GROUP}/namespaces/default/virtualmachineinstancetypes`,
      named('VirtualMachineInstancetype', 'small', small),
    );
    await hub.call(
      'POST',
      `${GROUP}/virtualmachineclusterpreferences`,
      named('VirtualMachineClusterPreference', 'cores', { cpu: { preferredCPUTopology: 'cores' } }),
    );
  });
  const matchers = {
    instancetype: { kind: 'virtualmachineinstancetype', name: 'small' },
    preference: { name: 'cores' },
  };

  test('is told to its device with the sizes in it, and shown with them as an instance', async () => {
    const uid = await hub.create(machine(matchers));
    const domain = { cpu: { cores: 2, sockets: 1, threads: 1 }, memory: { guest: '256Mi' } };
    expect((await entryOf()).spec.domain).toMatchObject(domain);
    await device.report(reportOf(1, statusOf(uid, 'Running')));
    await poll(async () => (await hub.instance('pos'))?.spec.domain).toMatchObject(domain);
    const { spec, status } = (await hub.machine('pos')) ?? {};
    expect(spec?.template.spec.domain).toEqual({ devices: {} });
    expect(status?.instancetypeRef).toMatchObject({ kind: 'VirtualMachineInstancetype', name: 'small' });
    expect(status?.preferenceRef).toMatchObject({ kind: 'VirtualMachineClusterPreference', name: 'cores' });
  });

  test('stays as it is when that is edited or deleted, and a new machine gets the new one', async () => {
    await hub.create(machine(matchers));
    await entryOf();
    await hub.call('PATCH', `${GROUP}/namespaces/default/virtualmachineinstancetypes/small`, {
      spec: { memory: { guest: '1Gi' } },
    });
    await hub.create(machine(matchers, {}, 'second'));
    const { machines } = (await device.takeDocument()) as unknown as {
      machines: { name: string; spec: { domain: { memory: object } } }[];
    };
    expect(machines.map(({ name, spec }) => [name, spec.domain.memory])).toEqual([
      ['pos', { guest: '256Mi' }],
      ['second', { guest: '1Gi' }],
    ]);
    await hub.call('DELETE', `${GROUP}/namespaces/default/virtualmachineinstancetypes/small`);
    await hub.patch('pos', { spec: { runStrategy: 'Halted' } });
    expect(await entryOf()).toMatchObject({
      runStrategy: 'Halted',
      spec: { domain: { memory: { guest: '256Mi' } } },
    });
  });

  test('takes another one when it names another one, and the copies that nobody goes by are gone', async () => {
    const uid = await hub.create(machine(matchers));
    await entryOf();
    await hub.call(
      'POST',
      `${GROUP}/virtualmachineclusterinstancetypes`,
      named('VirtualMachineClusterInstancetype', 'big', { cpu: { guest: 4 }, memory: { guest: '1Gi' } }),
    );
    const before = await revisions();
    expect(before).toHaveLength(2);
    await hub.patch('pos', { spec: { instancetype: { kind: null, name: 'big' } } });
    expect(await entryOf()).toMatchObject({
      spec: { domain: { cpu: { cores: 4 }, memory: { guest: '1Gi' } } },
    });
    await poll(async () => (await revisions()).map((name) => /^pos-(\w+)-v1beta1-/.exec(name)?.[1])).toEqual([
      'big',
      'cores',
    ]);

    await hub.delete('pos');
    await device.takeDocument();
    await device.tell(statusOf(uid, 'Removed'));
    await poll(revisions).toEqual([]);
  });

  test('can go by a copy that another machine keeps, named by revisionName', async () => {
    await hub.create(machine(matchers));
    await entryOf();
    const [revision = ''] = (await revisions()).filter((name) => name.startsWith('pos-small'));
    await hub.call('PATCH', `${GROUP}/namespaces/default/virtualmachineinstancetypes/small`, {
      spec: { memory: { guest: '1Gi' } },
    });
    await hub.create(
      machine({ instancetype: { ...matchers.instancetype, revisionName: revision } }, {}, 'second'),
    );
    const { machines } = await device.takeDocument();
    expect(machines[1]).toMatchObject({ name: 'second', spec: { domain: { memory: { guest: '256Mi' } } } });
  });

  test.each([
    [
      matchers,
      { memory: { guest: '128Mi' } },
      "spec.template.spec.domain.memory.guest: Invalid value: conflicts with the instancetype's spec.memory.guest: give one of the two",
    ],
    [
      { instancetype: { name: 'small' } },
      {},
      'spec.instancetype.name: Invalid value: there is no VirtualMachineClusterInstancetype "small"',
    ],
    [
      { preference: { name: 'none', kind: 'VirtualMachinePreference' }, instancetype: matchers.instancetype },
      {},
      'spec.preference.name: Invalid value: there is no VirtualMachinePreference "none"',
    ],
    [
      { instancetype: { ...matchers.instancetype, revisionName: 'none' } },
      {},
      'spec.instancetype.revisionName: Invalid value: there is no ControllerRevision default/none with a copy of it',
    ],
    [
      { instancetype: { inferFromVolume: 'root', name: 'small' } },
      {},
      'spec.instancetype.inferFromVolume: Unsupported value: is not supported: nothing is known here of what an image is made for: name the one to use',
    ],
    [
      { instancetype: { kind: 'Deployment', name: 'small' } },
      {},
      'spec.instancetype.kind: Invalid value: must be VirtualMachineInstancetype or VirtualMachineClusterInstancetype',
    ],
    [{}, {}, 'spec.template.spec.domain.memory.guest: Required value: is required, or an instancetype'],
  ])('%j with %j is refused when it is created', async (members, domain, complaint) => {
    expect(await refusal(machine(members, domain))).toBe(complaint);
  });

  test('that is there is not refused for a label when its instancetype is gone', async () => {
    await hub.create(machine(matchers));
    await entryOf();
    await hub.call('DELETE', `${GROUP}/namespaces/default/virtualmachineinstancetypes/small`);
    await hub.patch('pos', { metadata: { labels: { a: 'b' } } });
    expect((await hub.machine('pos'))?.metadata.labels?.['a']).toBe('b');
  });
});
