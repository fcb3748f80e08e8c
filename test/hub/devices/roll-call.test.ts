import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import type { TestHub } from '../start-hub.ts';
import { EPOCH, hello, startHub } from '../start-hub.ts';

/** A broker outside of the hub, which devices stay connected to while the hub is away from it. */

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello({ connection: 7 }));
  await waitFor('the device', async () => (await presence()) === 'connected');
  hub.sent.length = 0;
});
afterEach(() => hub.stop());

const presence = async () => (await hub.store.transaction(({ devices }) => devices.get('edge-1')))?.presence;
const answers = () =>
  hub.sent
    .filter(({ channel }) => channel === 'ack')
    .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as object);

test('a hub that is cut from its broker no longer knows who is there', async () => {
  hub.broker.lost('the broker was restarted');
  await waitFor('the presence to be unknown', async () => (await presence()) === 'unknown');
});

test('a hub that is back at its broker asks every device for a hello, and takes no last will for missing', async () => {
  hub.broker.lost('the broker was restarted');
  hub.broker.ready();
  await waitFor('the call', () => answers().length === 1);
  expect(answers()).toMatchObject([{ kind: 'later', epoch: EPOCH, connection: 7 }]);
  hub.say('edge-1', 'hello', hello({ connection: 7 }));
  await waitFor('the device', async () => (await presence()) === 'connected');
});
