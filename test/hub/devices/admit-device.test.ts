import { afterEach, beforeEach, expect, test } from 'vitest';
import { HOSTNAME_LABEL } from '../../../shared/model/device.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import {
  acknowledgedOf,
  desiredOf,
  DEVICES,
  EPOCH,
  hello,
  report,
  startHub,
  statusOf,
} from '../start-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello());
  await waitFor('the device', async () => (await read()).code === 200);
});
afterEach(() => hub.stop());

const read = () => hub.call('GET', `${DEVICES}/edge-1`);
const remove = () => hub.call('DELETE', `${DEVICES}/edge-1`);
const row = () => hub.store.transaction(({ devices }) => devices.get('edge-1'));
const label = (labels: object) => hub.call('PATCH', `${DEVICES}/edge-1`, { metadata: { labels } });

async function disconnect(): Promise<void> {
  hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
  await waitFor('the end of the link', async () => (await row())?.presence === 'disconnected');
}

async function place(name: string): Promise<string> {
  await hub.call('POST', VMS, machine(name));
  await waitFor(
    'a place',
    async () => (await hub.store.transaction(({ machines }) => machines.list())).length,
  );
  return (await hub.call('GET', `${VMS}/${name}`)).body.metadata.uid ?? '';
}

test('a connected device is not deleted', async () => {
  const { code, body } = await remove();
  expect([code, body.message]).toEqual([403, expect.stringContaining('the device is connected') as string]);
  expect((await read()).code).toBe(200);
});

test('a device that holds machines is not deleted', async () => {
  await place('till');
  await disconnect();
  const { code, body } = await remove();
  expect(code).toBe(403);
  expect(body.message).toContain('the device holds 1 machines (default/till): delete them first');
});

test('any other is forgotten, and made anew when it connects again', async () => {
  await label({ shop: 'north' });
  await disconnect();
  const { uid } = (await read()).body.metadata;
  expect((await remove()).code).toBe(200);
  await waitFor('the row to go', async () => (await row()) === undefined);
  hub.say('edge-1', 'hello', hello({ connection: 2, generation: 4, hash: 'held', acknowledged: 7 }));
  const again = await waitFor('the device', async () => {
    const { code, body } = await read();
    return code === 200 && body;
  });
  expect(again.metadata.labels).toEqual({ [HOSTNAME_LABEL]: 'edge-1' });
  expect(again.metadata.uid).not.toBe(uid);
  hub.say('edge-1', 'report', report(8, { kind: 'desired', generation: 4, problems: [] }));
  await waitFor('a document above the one held', async () => (await row())?.generation === 5);
  expect(await row()).toMatchObject({ presence: 'connected' });
  expect(await acknowledgedOf(hub.store, 'edge-1')).toBe(8);
});

test('a machine whose finalizer was taken off by hand does not hold it, and is still removed', async () => {
  const uid = await place('till');
  hub.say('edge-1', 'report', report(1, { kind: 'machine', status: statusOf(uid, 'till', 'Running') }));
  await disconnect();
  await hub.call('DELETE', `${VMS}/till`);
  await hub.call('PATCH', `${VMS}/till`, { metadata: { finalizers: null } });
  expect((await remove()).code).toBe(200);
  await waitFor('the row to go', async () => (await row()) === undefined);
  hub.say('edge-1', 'hello', hello({ connection: 2 }));
  await waitFor('its end to be desired', () => {
    const [entry] = desiredOf(hub.sent, 'edge-1')?.machines ?? [];
    return entry?.uid === uid && entry.removed === true;
  });
});

test('one that is in use gets its object again, however that was lost', async () => {
  await hub.store.transaction(({ objects }) =>
    objects.remove({ kind: 'holdfast.dev/Device', namespace: '', name: 'edge-1' }),
  );
  await waitFor('the device', async () => (await read()).code === 200);
});

test("the hostname label is the device's name, always", async () => {
  for (const value of ['edge-2', null]) {
    const { code, body } = await label({ [HOSTNAME_LABEL]: value });
    expect([code, body.message]).toEqual([
      422,
      expect.stringContaining(`the label ${HOSTNAME_LABEL} must be the device's name, edge-1`) as string,
    ]);
  }
  expect((await label({ shop: 'north' })).code).toBe(200);
  const device = (labels?: object) => ({
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'Device',
    metadata: { name: 'edge-3', labels },
  });
  expect((await hub.call('POST', DEVICES, device({ [HOSTNAME_LABEL]: 'edge-1' }))).code).toBe(422);
  expect((await hub.call('POST', DEVICES, device())).code).toBe(422);
  expect((await hub.call('POST', DEVICES, device({ [HOSTNAME_LABEL]: 'edge-3' }))).code).toBe(201);
});
