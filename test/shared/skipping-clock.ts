import type { Clock } from '../../shared/ports.ts';

/** A clock that goes like the host's, and can be told that hours have passed. */
export interface SkippingClock extends Clock {
  /** Lets time pass at once, and runs what falls due on the way, in order, each at its own time. */
  skip(ms: number): Promise<void>;
  /** The same time, but waits are the host's: for real processes, which don't do more in an hour that is skipped. */
  readonly unhurried: Clock;
}

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
  cancel: () => void;
}

export function createSkippingClock(host: Clock): SkippingClock {
  const timers = new Set<Timer>();
  let skippedMs = 0;

  const now = () => host.now() + skippedMs;
  const monotonic = () => host.monotonic() + skippedMs;
  const turn = () => host.turn();
  const earliest = () => [...timers].toSorted((a, b) => a.atMs - b.atMs)[0];

  function fire(timer: Timer): void {
    timer.cancel();
    timers.delete(timer);
    timer.run();
  }

  function wait(timer: Timer): void {
    timer.cancel();
    timer.cancel = host.after(Math.max(0, timer.atMs - monotonic()), () => fire(timer));
  }

  return {
    now,
    monotonic,
    turn,
    after(delayMs, run) {
      const timer: Timer = { atMs: monotonic() + delayMs, run, cancel: () => {} };
      timers.add(timer);
      wait(timer);
      return () => {
        timer.cancel();
        timers.delete(timer);
      };
    },
    async skip(ms) {
      const untilMs = monotonic() + ms;
      for (let next = earliest(); next !== undefined && next.atMs <= untilMs; next = earliest()) {
        skippedMs += Math.max(0, next.atMs - monotonic());
        fire(next);
        // What it set off gets as far as it gets without the world, and asks for its next timer.
        await turn();
      }
      skippedMs += Math.max(0, untilMs - monotonic());
      for (const timer of timers) wait(timer);
    },
    unhurried: { now, monotonic, turn, after: (delayMs, run) => host.after(delayMs, run) },
  };
}
