import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { desiredOf, hello, report, startHub, statusOf, VMIS } from '../start-hub.ts';

let hub: TestHub;
let uid: string;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello());
  uid = (await hub.call('POST', VMS, machine('till'))).body.metadata.uid ?? '';
  await waitFor('a place', () => rowOf(uid));
  hub.say('edge-1', 'report', report(1, { kind: 'machine', status: statusOf(uid, 'till', 'Running') }));
  await waitFor('the instance', async () => (await readInstance()).body.status?.phase === 'Running');
});
afterEach(() => hub.stop());

const rowOf = (machineUid: string) => hub.store.transaction(({ machines }) => machines.get(machineUid));
const readInstance = () => hub.call('GET', `${VMIS}/till`);

async function takeOff(): Promise<void> {
  await hub.call('DELETE', `${VMS}/till`);
  await hub.call('PATCH', `${VMS}/till`, { metadata: { finalizers: null } });
}

test('without its VirtualMachine an instance goes, and the device is told still', async () => {
  await takeOff();
  await waitFor('the instance to go', async () => (await readInstance()).code === 404, 5_000);
  expect(await rowOf(uid)).toMatchObject({ removing: true });
  await waitFor('the order', () => desiredOf(hub.sent, 'edge-1')?.machines[0]?.['removed'] === true);
  hub.say('edge-1', 'report', report(2, { kind: 'machine', status: statusOf(uid, 'till', 'Removed') }));
  await waitFor('the row to go', async () => (await rowOf(uid)) === undefined, 5_000);
});

test('a new machine of that name gets an instance of its own', async () => {
  await takeOff();
  const created = (await hub.call('POST', VMS, { ...machine('till'), spec: RUNNING })).body;
  const instance = await waitFor(
    'the new instance',
    async () => {
      const { body } = await readInstance();
      return body.metadata.ownerReferences?.[0]?.uid === created.metadata.uid && body;
    },
    5_000,
  );
  expect(instance.status?.phase).toBe('Pending');
});

test.each(['till', 'another'])('an owner called %s in a made-up instance harms no machine', async (name) => {
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid, controller: true };
  const { template } = machine('fake').spec as { template: { spec: object } };
  const metadata = { name: 'fake', ownerReferences: [owner] };
  const fake = {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata,
    spec: template.spec,
  };
  expect((await hub.call('POST', VMIS, fake)).code).toBe(201);
  await waitFor('it to go', async () => (await hub.call('GET', `${VMIS}/fake`)).code === 404, 5_000);
  expect(await rowOf(uid)).toMatchObject({ removing: false });
});

const RUNNING = { ...(machine('till').spec as object), runStrategy: 'Always' };
