import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { acknowledgedOf, EPOCH, hello, report, startHub, statusOf } from '../start-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello());
});
afterEach(() => hub.stop());

const events = async () => (await hub.call('GET', '/api/v1/namespaces/default/events')).body.items;

test("when a machine was last heard of is told by the hub's clock", async () => {
  await hub.call('POST', VMS, machine('till'));
  const placed = await waitFor('a place', async () => {
    return (await hub.store.transaction(({ machines }) => machines.list()))[0];
  });
  hub.clock.advance(60_000);
  const body = { kind: 'machine', status: statusOf(placed.uid, 'till', 'Running') };
  hub.say('edge-1', 'report', report(1, body, '1999-01-01T00:00:00Z'));
  await waitFor('the report', async () => (await acknowledgedOf(hub.store, 'edge-1')) === 1);
  hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
  await waitFor('the sentence', async () => {
    const { status } = (await hub.call('GET', `${VMS}/till`)).body;
    return status?.conditions?.[0]?.message.endsWith('it last said Running at 2026-03-01T08:01:00.000Z');
  });
});

test('a machine that the hub does not know is told of once, and left alone', async () => {
  const uid = '99999999-9999-4999-8999-999999999999';
  for (const [sequence, state] of (['Starting', 'Running', 'Stopped'] as const).entries()) {
    const body = { kind: 'machine', status: statusOf(uid, 'lost', state) };
    hub.say('edge-1', 'report', report(sequence + 1, body));
  }
  await waitFor('the reports', async () => (await acknowledgedOf(hub.store, 'edge-1')) === 3);
  expect(await events()).toMatchObject([
    {
      metadata: { name: `edge-1.${uid}` },
      involvedObject: { kind: 'Device', name: 'edge-1' },
      type: 'Warning',
      reason: 'UnknownMachine',
      message: `runs machine default/lost (${uid}), which this hub does not know; it was left alone`,
    },
  ]);
});

test('the last word of a machine that was removed is not such', async () => {
  const uid = '99999999-9999-4999-8999-999999999999';
  const body = { kind: 'machine', status: statusOf(uid, 'past', 'Removed') };
  hub.say('edge-1', 'report', report(1, body));
  await waitFor('the report', async () => (await acknowledgedOf(hub.store, 'edge-1')) === 1);
  expect(await events()).toEqual([]);
});
