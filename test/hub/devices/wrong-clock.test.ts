import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HubWorld } from './hub-world.ts';
import { poll, startHub } from './hub-world.ts';
import { event } from './scripted-device.ts';

/** A device whose clock is years off: what it tells has the times at which things happened all the same. */

const YEARS_MS = 3 * 365 * 86_400_000;
const TEN_MINUTES_MS = 600_000;
/** How long a message may take in this test, and so how well the hub can tell. */
const TOLERANCE_MS = 20_000;

let hub: HubWorld;
beforeEach(async () => {
  hub = await startHub();
});
afterEach(() => hub.close());

test.each([
  ['behind', -YEARS_MS],
  ['ahead of', YEARS_MS],
])('a clock that is three years %s the hub', async (direction, aheadMs) => {
  const device = await hub.connect();
  const upMs = 3_600_000;
  const moment = () => ({
    time: new Date(Date.now() + aheadMs).toISOString(),
    monotonicMs: upMs,
    bootId: 'boot-2',
  });
  await device.hello({ sent: moment() });
  await device.takeAnswer();
  const happenedMs = Date.now() - TEN_MINUTES_MS;
  const deviceTime = new Date(happenedMs + aheadMs).toISOString();
  const inThisBoot = { monotonicMs: upMs - TEN_MINUTES_MS, bootId: 'boot-2' };
  // Of an earlier boot, there is only the clock on the wall.
  const before = { monotonicMs: 5, bootId: 'boot-1' };
  await device.say('report', {
    epoch: device.epoch,
    connection: device.connection,
    sent: moment(),
    reports: [
      { sequence: 1, happenedAt: deviceTime, ...before, body: event('before the boot') },
      { sequence: 2, happenedAt: deviceTime, ...inThisBoot, body: event('since the boot') },
    ],
  });

  await poll(async () => (await hub.events()).length).toBe(2);
  for (const { eventTime, lastTimestamp, metadata } of await hub.events()) {
    for (const time of [eventTime, lastTimestamp])
      expect(Math.abs(Date.parse(time ?? '') - happenedMs)).toBeLessThan(TOLERANCE_MS);
    expect(metadata.annotations?.['holdfast.dev/device-time']).toBe(deviceTime);
  }

  const told = (await hub.timeline('edge-1')).filter(({ reason }) => reason === 'Tested');
  expect(told).toHaveLength(2);
  for (const { happenedAt, deviceTime: byDevice } of told) {
    expect(Math.abs(Date.parse(happenedAt) - happenedMs)).toBeLessThan(TOLERANCE_MS);
    expect(byDevice).toBe(deviceTime);
  }

  await poll(() => hub.condition('edge-1', 'ClockWrong')).toMatch(
    new RegExp(`^True: the device's clock is 9460\\d+ s ${direction} the hub's`),
  );
  const { clockAheadMilliseconds = 0 } = (await hub.device('edge-1'))?.status ?? {};
  expect(Math.abs(clockAheadMilliseconds - aheadMs)).toBeLessThan(TOLERANCE_MS);
});
