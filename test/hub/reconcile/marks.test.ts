import { expect, test } from 'vitest';
import type { Tables } from '../../../hub/ports.ts';
import { createMarks } from '../../../hub/reconcile/marks.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

const START_MS = 0;

function setup(failing: ReadonlySet<string> = new Set()) {
  const clock = createManualClock(START_MS);
  const taken: string[] = [];
  const marks = createMarks<string>({
    clock,
    log: createLogRecorder(),
    keyOf: (item) => item,
    async take(item) {
      taken.push(`${item} at ${clock.now() / 1000} s`);
      if (failing.has(item)) throw new Error('no');
      return () => {};
    },
    due: () => {},
  });
  const drain = async () => {
    for (let work = marks.next(); work !== undefined; work = marks.next()) {
      const { take } = work;
      await take({} as Tables).then(
        () => work.succeeded(),
        (error: unknown) => work.failed(error),
      );
    }
  };
  return { clock, taken, marks, drain };
}

test('an item is taken once, where it was first marked', async () => {
  const { marks, taken, drain } = setup();
  for (const item of ['a', 'b', 'a']) marks.add(item);
  await drain();
  expect(taken).toEqual(['a at 0 s', 'b at 0 s']);
});

test('one that fails waits twice as long each time, up to a minute, and holds up no other', async () => {
  const { clock, marks, taken, drain } = setup(new Set(['bad']));
  marks.add('bad');
  marks.add('good');
  await drain();
  expect(taken).toEqual(['bad at 0 s', 'good at 0 s']);
  const waits: number[] = [];
  for (let tries = 0; tries < 8; tries += 1) {
    const [wait = 0, ...others] = clock.waiting();
    expect(others).toEqual([]);
    waits.push(wait / 1000);
    clock.advance(wait);
    await drain();
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  expect(taken.length).toBe(10);
});

test('one that waits is due at once when it is marked again, and starts afresh once it works', async () => {
  const failing = new Set(['bad']);
  const { clock, marks, taken, drain } = setup(failing);
  marks.add('bad');
  await drain();
  marks.add('bad');
  await drain();
  expect(clock.waiting()).toEqual([2000]);
  failing.clear();
  marks.add('bad');
  await drain();
  expect(clock.waiting()).toEqual([]);
  failing.add('bad');
  marks.add('bad');
  await drain();
  expect(clock.waiting()).toEqual([1000]);
  expect(taken.length).toBe(4);
  marks.clear();
  expect(clock.waiting()).toEqual([]);
});
