import { hrtime } from 'node:process';
import type { Clock } from '../ports.ts';

/** The host's own clock. `monotonic` is CLOCK_MONOTONIC, so it is comparable between processes of one boot. */
export function createClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => Number(hrtime.bigint() / 1_000_000n),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    turn: () =>
      new Promise((resolve) => {
        setImmediate(resolve);
      }),
  };
}
