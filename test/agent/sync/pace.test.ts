import { expect, test } from 'vitest';
import { reconnectDelayMs } from '../../../agent/sync/pace.ts';

const HOUR_MS = 3_600_000;

test('devices that lose the link together come back spread evenly over what the hub asked for', () => {
  expect([0, 0.25, 0.999].map((chance) => reconnectDelayMs(0, 40_000, chance))).toEqual([0, 10_000, 39_960]);
});

test('one that was asked for nothing comes back within a second, and not all at once', () => {
  expect([0, 0.5, 0.75].map((chance) => reconnectDelayMs(0, 0, chance))).toEqual([0, 500, 750]);
});

test('a hub that is not there is asked less and less often, and never less often than every 20 s', () => {
  const longest = [1, 2, 3, 4, 5, 6, 50, 100_000].map((failures) => reconnectDelayMs(failures, 0, 1));
  expect(longest).toEqual([2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000, 20_000]);
  const shortest = [1, 5, 100_000].map((failures) => reconnectDelayMs(failures, 0, 0));
  expect(shortest).toEqual([1_000, 10_000, 10_000]);
});

test('what the hub asked for holds also while it is not there', () => {
  expect([1, 10].map((failures) => reconnectDelayMs(failures, HOUR_MS, 0))).toEqual([
    HOUR_MS / 2,
    HOUR_MS / 2,
  ]);
});
