import { expect, test } from 'vitest';
import { createClockWatch } from '../../agent/clock-watch.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { createManualClock } from '../shared/manual-clock.ts';

const DAY_MS = 86_400_000;

function createBox() {
  const manual = createManualClock();
  let offsetMs = 0;
  const clock = { ...manual, now: () => manual.now() + offsetMs };
  const told: string[] = [];
  let fails = false;
  const watch = createClockWatch({
    clock,
    log: createLogRecorder(),
    wasSet(fromMs) {
      if (fails) throw new Error('the disk is full');
      told.push(`${Math.round((clock.now() - fromMs) / DAY_MS)} days`);
    },
  });
  watch.start();
  return {
    told,
    watch,
    pass: (ms: number) => manual.advance(ms),
    set: (byMs: number) => (offsetMs += byMs),
    fail: (now: boolean) => (fails = now),
  };
}

test('a clock that is set is told of once, forward and back, and one that is slewed is not', () => {
  const box = createBox();
  box.pass(DAY_MS);
  expect(box.told).toEqual([]);
  box.set(3 * DAY_MS);
  box.pass(60_000);
  expect(box.told).toEqual(['3 days']);
  for (let step = 0; step < 100; step += 1) {
    box.set(4);
    box.pass(10_000);
  }
  expect(box.told).toEqual(['3 days']);
  box.set(-10 * DAY_MS);
  box.pass(60_000);
  expect(box.told).toEqual(['3 days', '-10 days']);
});

test('what could not be stored is told when it can be', () => {
  const box = createBox();
  box.fail(true);
  box.set(3 * DAY_MS);
  box.pass(60_000);
  expect(box.told).toEqual([]);
  box.fail(false);
  box.pass(60_000);
  expect(box.told).toEqual(['3 days']);
});

test('nothing is looked at once it was stopped', () => {
  const box = createBox();
  box.watch.stop();
  box.set(DAY_MS);
  box.pass(60_000);
  expect(box.told).toEqual([]);
});
