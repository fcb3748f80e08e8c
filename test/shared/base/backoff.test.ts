import { expect, test } from 'vitest';
import { restartDelayMs } from '../../../shared/base/backoff.ts';

test.each([
  [-1, 0],
  [0, 0],
  [1, 10],
  [2, 40],
  [3, 90],
  [4, 160],
  [5, 250],
  [6, 300],
  [1_000_000, 300],
])('after %d failures in a row the shortest wait is %d s', (failures, seconds) => {
  expect(restartDelayMs(failures, 0)).toBe(seconds * 1000);
});

test('chance adds up to half of the wait, and never goes beyond five minutes', () => {
  expect(restartDelayMs(1, 0.5)).toBe(12_500);
  expect(restartDelayMs(2, 0.999999)).toBe(60_000);
  expect(restartDelayMs(5, 0.9)).toBe(300_000);
  expect(restartDelayMs(6, 0.9)).toBe(300_000);
});
