import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { acknowledgedOf, desiredOf, EPOCH, hello, report, startHub } from '../start-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello({ connection: 9 }));
  const event = { kind: 'event', type: 'Normal', reason: 'Told', message: 'something' };
  hub.say('edge-1', 'report', report(1, event));
  await waitFor('the report', async () => (await acknowledgedOf(hub.store, 'edge-1')) === 1);
  await hub.call('POST', VMS, machine('till'));
  await waitFor('the document', () => desiredOf(hub.sent, 'edge-1')?.machines.length === 1);
  hub.sent.length = 0;
});
afterEach(() => hub.stop());

const row = () => hub.store.transaction(({ devices }) => devices.get('edge-1'));
const acks = () =>
  hub.sent
    .filter(({ channel }) => channel === 'ack')
    .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as object);

test('of a connected device changes nothing, and is answered all the same', async () => {
  const before = await row();
  hub.say('edge-1', 'hello', hello({ connection: 3 }));
  await waitFor('the answer', () => desiredOf(hub.sent, 'edge-1')?.machines.length === 1, 5_000);
  expect(acks()).toMatchObject([{ kind: 'welcome', epoch: EPOCH, connection: 3, sequence: 1 }]);
  expect(await row()).toEqual(before);
});

test('gets no document where the device holds it', async () => {
  const { desiredHash = '', generation = 0 } = (await row()) ?? {};
  hub.say('edge-1', 'hello', hello({ connection: 3, generation, hash: desiredHash }));
  await waitFor('the answer', () => acks().length === 1, 5_000);
  expect(hub.sent.map(({ channel }) => channel)).toEqual(['ack']);
});

test('is the device as it is now, where no newer connection is up', async () => {
  hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 9 });
  await waitFor('the end of the link', async () => (await row())?.presence === 'disconnected');
  hub.say('edge-1', 'hello', hello({ connection: 3 }));
  await waitFor('the link', async () => (await row())?.presence === 'connected', 5_000);
  await waitFor('the answer', () => desiredOf(hub.sent, 'edge-1')?.machines.length === 1, 5_000);
  expect(await row()).toMatchObject({ connection: 3 });
  expect(await acknowledgedOf(hub.store, 'edge-1')).toBe(1);
});
