import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DeviceTimeline } from '../../../hub/api/subresources/timeline.ts';
import { forgetPresence } from '../../../hub/devices/forget-presence.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, hello, startHub } from '../start-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello());
  await waitFor('the device', async () => (await presence()) === 'connected');
});
afterEach(() => hub.stop());

async function links(): Promise<string[]> {
  const { body } = await hub.call<DeviceTimeline>('GET', `${DEVICES}/edge-1/timeline`);
  return body.items.filter(({ kind }) => kind === 'link').map(({ reason }) => reason);
}

const presence = async () => (await hub.store.transaction(({ devices }) => devices.get('edge-1')))?.presence;

test('a device that is silent for longer than it can be counts as unknown, though no last will came', async () => {
  for (let minutes = 0; minutes < 125; minutes += 5) hub.clock.advance(5 * 60_000);
  expect(await presence()).toBe('connected');
  hub.say('edge-1', 'hello', hello());
  const heardAtMs = hub.clock.now();
  await waitFor('the hello to be taken', async () => {
    const [stream] = await hub.store.transaction(({ streams }) => streams.getMany(['edge-1']));
    return stream?.heardAtMs === heardAtMs;
  });
  for (let minutes = 0; minutes < 125; minutes += 5) hub.clock.advance(5 * 60_000);
  expect(await presence()).toBe('connected');
  for (let minutes = 0; minutes < 15; minutes += 5) hub.clock.advance(5 * 60_000);
  await waitFor('the hub to notice', async () => (await presence()) === 'unknown');
  expect(await links()).toEqual(['Connected', 'Silent']);
  hub.say('edge-1', 'hello', hello());
  await waitFor('the device', async () => (await presence()) === 'connected');
  expect(await links()).toEqual(['Connected', 'Silent', 'Connected']);
});

test('a hub that starts does not know whether the device is there, and its history says why, once', async () => {
  const forget = () =>
    hub.store.transaction((tables) => forgetPresence(tables, 'HubStarted', hub.clock.now(), new Set()));
  await forget();
  expect(await presence()).toBe('unknown');
  await forget();
  expect(await links()).toEqual(['Connected', 'HubStarted']);
});
