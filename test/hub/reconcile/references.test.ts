import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { MachineState } from '../../../shared/model/machine.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';
import type { ScriptedDevice } from '../devices/scripted-device.ts';
import { statusOf } from '../devices/scripted-device.ts';

/** What machines name travels with them, waits where it is missing, and takes nothing from a machine that runs. */

let hub: HubWorld;
let device: ScriptedDevice;
beforeEach(async () => {
  hub = await startHub();
  device = await hub.join();
});
afterEach(() => hub.close());

const CORE = '/api/v1/namespaces/default';
const secret = (name: string, value: string): ResourceObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  data: { userdata: btoa(value) },
});

/** A machine as it is stored; what it names may be more than this version of the hub takes in. */
async function put(volumes: object[], rest: object = {}, name = 'pos'): Promise<string> {
  const uid = crypto.randomUUID();
  await hub.store.transaction(({ objects }) =>
    objects.put(
      { kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name },
      {
        apiVersion: 'kubevirt.io/v1',
        kind: 'VirtualMachine',
        metadata: { name, namespace: 'default', uid, generation: 1 },
        spec: {
          runStrategy: 'Always',
          template: {
            spec: {
              nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
              domain: { memory: { guest: '128Mi' }, devices: {} },
              volumes,
              ...rest,
            },
          },
        },
      },
    ),
  );
  return uid;
}
/** Stops the machine of that name, which names these volumes from now on. */
async function edit(volumes: object[]): Promise<void> {
  const key = { kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name: 'pos' };
  await hub.store.transaction(async ({ objects }) => {
    const current = (await objects.get(key)) as ResourceObject & {
      spec: { runStrategy: string; template: { spec: { volumes: object[] } } };
    };
    current.spec.runStrategy = 'Halted';
    current.spec.template.spec.volumes = volumes;
    await objects.put(key, current);
  });
}

const seed = [{ name: 'seed', cloudInitNoCloud: { secretRef: { name: 'till' } } }];

const report = (uid: string, state: MachineState) => device.tell(statusOf(uid, state));
const condition = async (type: string, name = 'pos') => {
  const found = (await hub.machine(name))?.status?.conditions?.find((one) => one.type === type);
  return found === undefined ? undefined : `${found.status} ${found.reason}: ${found.message}`;
};
const entryOf = async () => (await device.takeDocument()).machines[0];

test('a machine gets what it names and nothing else, and each change of it', async () => {
  await hub.call('POST', `${CORE}/secrets`, secret('till', 'one'));
  await hub.call('POST', `${CORE}/secrets`, secret('other', 'of no matter to it'));
  await put(seed);
  expect((await entryOf())?.['references']).toEqual({
    secrets: { till: { data: { userdata: btoa('one') } } },
  });
  await hub.call('PATCH', `${CORE}/secrets/other`, { data: { userdata: btoa('changed') } });
  await hub.call('PATCH', `${CORE}/secrets/till`, { data: { userdata: btoa('two') } });
  expect((await entryOf())?.['references']).toEqual({
    secrets: { till: { data: { userdata: btoa('two') } } },
  });
  expect(device.documents).toEqual([]);
});

test('what is not there is waited for with a sentence that names it, and what is optional is not', async () => {
  const optional = { name: 'more', configMap: { name: 'absent', optional: true } };
  await put([...seed, optional]);
  await poll(() => condition('Ready')).toBe(
    'False SecretNotFound: spec.template.spec.volumes[0].cloudInitNoCloud.secretRef.name names Secret default/till, ' +
      'which is not there',
  );
  expect(device.documents).toEqual([]);
  await hub.call('POST', `${CORE}/secrets`, secret('till', 'late'));
  expect(await entryOf()).toMatchObject({
    references: { secrets: { till: { data: { userdata: btoa('late') } } } },
  });
  await poll(() => condition('Synchronized')).toBeUndefined();
  await hub.call('POST', `${CORE}/configmaps`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'absent' },
    data: { a: 'b' },
  });
  expect(await entryOf()).toMatchObject({ references: { configMaps: { absent: { data: { a: 'b' } } } } });
});

describe('a secret that is deleted under a machine', () => {
  let uid: string;
  beforeEach(async () => {
    await hub.call('POST', `${CORE}/secrets`, secret('till', 'one'));
    uid = await put(seed);
    await entryOf();
    await report(uid, 'Running');
    await poll(() => hub.printable('pos')).toBe('Running');
    await hub.call('DELETE', `${CORE}/secrets/till`);
    await poll(() => condition('Synchronized')).toMatch(
      /^False SecretNotFound: .*Secret default\/till, which is not there; the device keeps what it was sent before$/,
    );
  });

  test('changes nothing on its device', async () => {
    expect(await condition('Ready')).toMatch(/^True/);
    expect(device.documents).toEqual([]);
  });

  test('keeps nobody from stopping it, or from changing what else is said of it', async () => {
    await edit(seed);
    expect(await entryOf()).toMatchObject({
      runStrategy: 'Halted',
      references: { secrets: { till: { data: { userdata: btoa('one') } } } },
    });
  });

  test('and named under another name that is not there is told nothing but when to run', async () => {
    await edit([{ name: 'seed', cloudInitNoCloud: { secretRef: { name: 'new' } } }]);
    expect(await entryOf()).toMatchObject({
      runStrategy: 'Halted',
      spec: { volumes: seed },
      references: { secrets: { till: { data: { userdata: btoa('one') } } } },
    });
  });
});

test('a network is a bridge of the box, or is waited for with what it is instead', async () => {
  const networks = [{ name: 'lan', multus: { networkName: 'shop/lan' } }];
  await hub.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  });
  await put([], { networks });
  await poll(() => condition('Ready')).toMatch(
    /^False NetworkNotFound: spec\.template\.spec\.networks\[0\]\.multus\.networkName names NetworkAttachmentDefinition shop\/lan, which is not there$/,
  );
  const url = '/apis/k8s.cni.cncf.io/v1/namespaces/shop/network-attachment-definitions';
  const definition = (config: object) => ({
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name: 'lan' },
    spec: { config: JSON.stringify(config) },
  });
  await hub.call('POST', url, definition({ type: 'ptp' }));
  await poll(() => condition('Ready')).toMatch(
    /NetworkNotSupported: .* it is of type ptp, and machines are connected/,
  );
  const config = { type: 'bridge', bridge: 'br7', vlan: 7 };
  await hub.call('PATCH', `${url}/lan`, { spec: definition(config).spec });
  expect(await entryOf()).toMatchObject({
    references: { networks: { 'shop/lan': { bridge: 'br7', vlan: 7 } } },
  });
});
