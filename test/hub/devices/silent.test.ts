import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import type { TestHub } from '../start-hub.ts';
import { hello, startHub } from '../start-hub.ts';

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
  hub.say('edge-1', 'hello', hello());
  await waitFor('the device', async () => (await presence()) === 'connected');
});
afterEach(() => hub.stop());

const presence = async () => (await hub.store.transaction(({ devices }) => devices.get('edge-1')))?.presence;

test('a device that is silent for longer than it can be counts as unknown, though no last will came', async () => {
  for (let minutes = 0; minutes < 65; minutes += 5) hub.clock.advance(5 * 60_000);
  expect(await presence()).toBe('connected');
  hub.say('edge-1', 'hello', hello());
  const heardAtMs = hub.clock.now();
  await waitFor('the hello to be taken', async () => {
    const [stream] = await hub.store.transaction(({ streams }) => streams.getMany(['edge-1']));
    return stream?.heardAtMs === heardAtMs;
  });
  for (let minutes = 0; minutes < 65; minutes += 5) hub.clock.advance(5 * 60_000);
  expect(await presence()).toBe('connected');
  for (let minutes = 0; minutes < 15; minutes += 5) hub.clock.advance(5 * 60_000);
  await waitFor('the hub to notice', async () => (await presence()) === 'unknown');
  hub.say('edge-1', 'hello', hello());
  await waitFor('the device', async () => (await presence()) === 'connected');
});
