import type { Clock } from '../../shared/ports.ts';

/** A clock that stands still until it is told to go on; the suite in `test/contract/clock.ts` holds for it too. */
export interface ManualClock extends Clock {
  /** Lets time pass, and runs what falls due on the way, in order. */
  advance(ms: number): void;
  /** In how many milliseconds each thing that waits falls due, soonest first. */
  waiting(): number[];
}

export function createManualClock(startMs = Date.parse('2026-03-01T08:00:00Z')): ManualClock {
  let passedMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];

  const byTime = () => timers.toSorted((a, b) => a.atMs - b.atMs);

  return {
    now: () => startMs + passedMs,
    monotonic: () => passedMs,
    after(delayMs, run) {
      const timer = { atMs: passedMs + delayMs, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    advance(ms) {
      const untilMs = passedMs + ms;
      for (let [next] = byTime(); next !== undefined && next.atMs <= untilMs; [next] = byTime()) {
        const due = next;
        timers = timers.filter((one) => one !== due);
        passedMs = due.atMs;
        due.run();
      }
      passedMs = untilMs;
    },
    turn: () =>
      new Promise((resolve) => {
        setImmediate(resolve);
      }),
    waiting: () => byTime().map(({ atMs }) => atMs - passedMs),
  };
}
