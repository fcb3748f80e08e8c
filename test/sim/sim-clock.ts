import type { Clock } from '../../shared/ports.ts';
import type { Life } from './life.ts';
import type { Scheduler } from './scheduler.ts';

/** When every simulated world begins. */
export const EPOCH_MS = Date.parse('2026-03-01T08:00:00Z');

/** A host's clock as its hardware keeps it; faults change it. */
export interface ClockHands {
  /** How far its wall clock is ahead of the true time. */
  skewMs: number;
  /** By how much it goes too fast: 0.0001 is a hundred parts in a million. */
  drift: number;
  /** When the host booted. */
  bootedAtMs: number;
}

/** The clock that a process reads. Its timers go by the host's own idea of a second, as real ones do. */
export function createSimClock(scheduler: Scheduler, life: Life, hands: ClockHands): Clock {
  const passedMs = () => (scheduler.nowMs() - hands.bootedAtMs) * (1 + hands.drift);
  return {
    now: () => Math.floor(EPOCH_MS + hands.skewMs + scheduler.nowMs() * (1 + hands.drift)),
    monotonic: () => Math.floor(passedMs()),
    // A timer is never early by the clock that it is read from, which shows whole milliseconds.
    after: (delayMs, run) => life.after((delayMs + 1) / (1 + hands.drift), 'timer', run),
    turn: () => life.pause(0, 'turn'),
  };
}
