import { messageOf } from '../shared/base/errors.ts';
import type { Clock, Log } from '../shared/ports.ts';

const LOOK_EVERY_MS = 10_000;
/** Less is slewing, and the time that looking takes. */
const SET_MS = 5_000;

export interface ClockWatch {
  start(): void;
  stop(): void;
}

interface ClockWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The box's clock was set, at a time at which it would otherwise have shown `fromMs`. */
  readonly wasSet: (fromMs: number) => void;
}

/** Notices when the clock of the box is set: the times in its history jump with it, and someone will wonder why. */
export function createClockWatch({ clock, log, wasSet }: ClockWatchOptions): ClockWatch {
  let offsetMs = clock.now() - clock.monotonic();
  let cancel = () => {};

  function look(): void {
    const fromMs = clock.monotonic() + offsetMs;
    try {
      if (Math.abs(clock.now() - fromMs) > SET_MS) wasSet(fromMs);
      offsetMs = clock.now() - clock.monotonic();
    } catch (error) {
      // It is still to be told: the next look finds the same.
      log.warn({ error: messageOf(error) }, 'that the clock was set could not be stored');
    }
    cancel = clock.after(LOOK_EVERY_MS, look);
  }

  return {
    start: look,
    stop: () => cancel(),
  };
}
