import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Event } from '../../../shared/model/event.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import type { TestHub } from '../start-hub.ts';
import { VMIS, startHub } from '../start-hub.ts';
import { machine } from '../api/start-api.ts';

/** Machines with the same MAC address, wherever in the fleet they are. */

const VMS = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });

function machineWith(macAddress: string | undefined, device: string, binding: object) {
  const networks =
    'masquerade' in binding
      ? [{ name: 'lan', pod: {} }]
      : [{ name: 'lan', multus: { networkName: 'shop-lan' } }];
  const card = { name: 'lan', ...binding, ...(macAddress !== undefined && { macAddress }) };
  return {
    nodeSelector: { 'kubernetes.io/hostname': device },
    domain: { memory: { guest: '128Mi' }, devices: { interfaces: [card] } },
    networks,
  };
}

async function create(name: string, mac: string, device: string, binding: object = { bridge: {} }) {
  const template = { spec: machineWith(mac, device, binding) };
  const spec = { runStrategy: 'Halted', template };
  const { code, warning } = await hub.call('POST', VMS, { ...machine(name), spec });
  expect(code).toBe(201);
  await poll(async () => (await hub.call('GET', `${VMS}/${name}`)).body.status).toBeDefined();
  return warning;
}

async function sharedOf(url: string) {
  const { status } = (await hub.call<VirtualMachine>('GET', url)).body;
  const found = status?.conditions?.find(({ type }) => type === 'MACAddressShared');
  return found?.message;
}

/** What the events about a machine say of it. */
async function eventsOf(name: string) {
  const query = `fieldSelector=involvedObject.name=${name},reason=MACAddressShared`;
  const { body } = await hub.call<{ items: Event[] }>('GET', `/api/v1/namespaces/default/events?${query}`);
  return body.items.map(({ type, message }) => `${type}: ${message}`);
}

const FIELD = 'spec.template.spec.domain.devices.interfaces[0].macAddress';
const also = (mac: string, name: string) =>
  `${FIELD}: ${mac} is also the address of VirtualMachine default/${name}: in one network they disturb each other`;

test('both are told, whoever writes the second is warned, and it is over when one has another address', async () => {
  expect(await create('pos', '02:00:00:00:00:01', 'edge-1')).toBeNull();
  // However it is written.
  const warning = await create('twin', '02-00-00-00-00-01', 'edge-2');
  expect(warning).toBe(`299 - "${also('02:00:00:00:00:01', 'pos')}"`);
  await poll(() => sharedOf(`${VMS}/pos`)).toBe(also('02:00:00:00:00:01', 'twin'));
  await poll(() => sharedOf(`${VMS}/twin`)).toBe(also('02:00:00:00:00:01', 'pos'));
  const told = [`Warning: ${also('02:00:00:00:00:01', 'twin')}`];
  expect(await eventsOf('pos')).toEqual(told);

  // Whatever else is done to it, it is told of once.
  hub.clock.advance(1_000);
  await hub.call('PATCH', `${VMS}/pos`, {
    metadata: { labels: { seen: 'again' } },
    spec: { runStrategy: 'Manual' },
  });
  await poll(
    async () => (await hub.call<VirtualMachine>('GET', `${VMS}/pos`)).body.status?.desiredGeneration,
  ).toBe(2);
  expect(await eventsOf('pos')).toEqual(told);

  const spec = { template: { spec: machineWith('02:00:00:00:00:02', 'edge-2', { bridge: {} }) } };
  const changed = await hub.call('PATCH', `${VMS}/twin`, { spec });
  expect([changed.code, changed.warning]).toEqual([200, null]);
  await poll(() => sharedOf(`${VMS}/pos`)).toBeUndefined();
  await poll(() => sharedOf(`${VMS}/twin`)).toBeUndefined();
});

test('it is over when one is gone', async () => {
  await create('first', '02:00:00:00:00:03', 'edge-1');
  await create('second', '02:00:00:00:00:03', 'nowhere');
  await poll(() => sharedOf(`${VMS}/first`)).toBe(also('02:00:00:00:00:03', 'second'));
  await hub.call('DELETE', `${VMS}/second`);
  await poll(() => sharedOf(`${VMS}/first`)).toBeUndefined();
});

test('an instance of its own is such a machine too', async () => {
  await create('stays', '02:00:00:00:00:04', 'edge-1');
  const manifest = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: 'passing' },
    spec: machineWith('02:00:00:00:00:04', 'edge-2', { bridge: {} }),
  };
  const { warning } = await hub.call('POST', VMIS, manifest);
  expect(warning).toContain('is also the address of VirtualMachine default/stays');
  await poll(() => sharedOf(`${VMS}/stays`)).toContain('VirtualMachineInstance default/passing');
});

test('behind masquerade, where each guest is alone, nothing is said', async () => {
  await create('nat-1', '02:00:00:00:00:05', 'edge-1', { masquerade: {} });
  expect(await create('nat-2', '02:00:00:00:00:05', 'edge-2', { masquerade: {} })).toBeNull();
});

test('who writes the older form of runStrategy is told so in KubeVirt’s words', async () => {
  const given = machine('older');
  const { template } = given.spec as { template: object };
  const { code, warning } = await hub.call('POST', VMS, { ...given, spec: { running: false, template } });
  expect([code, warning]).toEqual([
    201,
    '299 - "spec.running is deprecated, please use spec.runStrategy instead."',
  ]);
});
