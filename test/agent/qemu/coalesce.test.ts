import { expect, test } from 'vitest';
import { coalesce } from '../../../agent/qemu/coalesce.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

function record() {
  const clock = createManualClock();
  const atMs: number[] = [];
  return { clock, atMs, changes: coalesce(clock, 200, () => atMs.push(clock.monotonic())) };
}

test('calls are passed on at most every 200 ms, and the last is never lost', () => {
  const { clock, atMs, changes } = record();
  for (let passedMs = 0; passedMs < 450; passedMs += 10) {
    changes.tell();
    clock.advance(10);
  }
  expect(atMs).toEqual([0, 200, 400]);
  clock.advance(1_000);
  expect(atMs).toEqual([0, 200, 400, 600]);
  changes.tell();
  expect(atMs.at(-1)).toBe(clock.monotonic());
});

test('a call made while one is passed on is kept too', () => {
  const clock = createManualClock();
  let calls = 0;
  const changes = coalesce(clock, 200, () => {
    calls += 1;
    if (calls === 1) changes.tell();
  });
  changes.tell();
  expect(calls).toBe(1);
  clock.advance(200);
  expect(calls).toBe(2);
});

test('nothing is passed on after the end, and nothing waits', () => {
  const { clock, atMs, changes } = record();
  changes.tell();
  changes.tell();
  changes.close();
  expect(clock.waiting()).toEqual([]);
  clock.advance(1_000);
  expect(atMs).toEqual([0]);
});
