import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOSTNAME_LABEL } from '../../../shared/model/device.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, hello, startHub } from '../start-hub.ts';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
  for (const name of ['edge-1', 'edge-2', 'edge-3']) hub.say(name, 'hello', hello());
  await waitFor('the devices', async () => (await hub.call('GET', DEVICES)).body.items.length === 3);
  await hub.call('POST', VMS, machine('till'));
  await select({ [HOSTNAME_LABEL]: 'edge-1' });
  await waitFor('a place', async () => (await labels())?.['holdfast.dev/device'] === 'edge-1');
});
afterAll(() => hub.stop());

/** A merge patch: null takes a label out of the selector. */
const select = (nodeSelector: Record<string, string | null>) =>
  hub.call('PATCH', `${VMS}/till`, { spec: { template: { spec: { nodeSelector } } } });
const label = (device: string, labels: object) =>
  hub.call('PATCH', `${DEVICES}/${device}`, { metadata: { labels } });
const read = async () => (await hub.call('GET', `${VMS}/till`)).body;
const labels = async () => (await read()).metadata.labels;
const condition = async () => (await read()).status?.conditions?.find(({ type }) => type === 'PlacedAsAsked');

const messageIs = (message: string) =>
  waitFor(message, async () => (await condition())?.message === message, 5_000);

test('a placed machine says that it is not moved, and where it would go', async () => {
  expect(await condition()).toBeUndefined();
  await select({ [HOSTNAME_LABEL]: 'edge-2' });
  await messageIs(
    'the machine and its disks are on edge-1; its nodeSelector now matches edge-2; it is not moved',
  );
  expect(await condition()).toMatchObject({ status: 'False', reason: 'PlacedElsewhere' });
  expect((await labels())?.['holdfast.dev/device']).toBe('edge-1');
  await select({ [HOSTNAME_LABEL]: 'edge-9' });
  await messageIs(
    'the machine and its disks are on edge-1; its nodeSelector now matches 0 devices; it is not moved',
  );
  await select({ [HOSTNAME_LABEL]: 'edge-1' });
  await waitFor('a match', async () => (await condition()) === undefined, 5_000);
});

test("the devices' labels count as well as the selector", async () => {
  for (const device of ['edge-1', 'edge-2', 'edge-3']) await label(device, { role: 'till' });
  await select({ [HOSTNAME_LABEL]: null, role: 'till' });
  await label('edge-1', { role: 'spare' });
  await messageIs(
    'the machine and its disks are on edge-1; its nodeSelector now matches 2 devices; it is not moved',
  );
  await label('edge-1', { role: 'till' });
  await waitFor('a match', async () => (await condition()) === undefined, 5_000);
});
