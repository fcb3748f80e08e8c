import type { Clock } from '../shared/ports.ts';
import type { PlannedEvent } from './plan/plan.ts';
import { describeHappening } from './describe-happening.ts';
import type { Happened } from './ports.ts';

/** How often one kind of happening is told of one machine: a guest that reboots in a loop must not fill the outbox. */
const TELL_EVERY_MS = 60_000;
/** How many kinds of all machines are remembered at once. */
const MOST_REMEMBERED = 10_000;

/**
 * Tells what happened in guests. What comes again too soon is counted, and told with the next of its kind.
 */
export function createHappenings(clock: Clock, tell: (uid: string, event: PlannedEvent) => void) {
  const told = new Map<string, { readonly atMs: number; more: number }>();

  return (uid: string, happened: Happened): void => {
    const event = describeHappening(happened);
    if (event === undefined) return;
    const key = `${uid} ${event.reason}`;
    const last = told.get(key);
    const nowMs = clock.monotonic();
    if (last !== undefined && nowMs - last.atMs < TELL_EVERY_MS) {
      last.more += 1;
      return;
    }
    if (told.size >= MOST_REMEMBERED) told.clear();
    told.set(key, { atMs: nowMs, more: 0 });
    const more = last?.more ?? 0;
    tell(uid, more === 0 ? event : { ...event, message: `${event.message} (and ${more} times more before)` });
  };
}
