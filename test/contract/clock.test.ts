import { describe } from 'vitest';
import { createClock } from '../../shared/host/clock.ts';
import { createManualClock } from '../shared/manual-clock.ts';
import { createSkippingClock } from '../shared/skipping-clock.ts';
import { testClock } from './clock.ts';

describe("the host's clock", () => {
  testClock(() => {
    const clock = createClock();
    return {
      clock,
      // Timers run in the order of their times, so what fell due before this one has run.
      pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 2)),
    };
  });
});

describe('a clock in the hands of a test', () => {
  testClock(() => {
    const clock = createManualClock();
    return { clock, pass: async (ms) => clock.advance(ms) };
  });
});

describe('a clock that hours are skipped on', () => {
  testClock(() => {
    const clock = createSkippingClock(createClock());
    return { clock, pass: (ms) => clock.skip(ms) };
  });
});
