import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';
import { putEvent } from './put-event.ts';

/** How many events one transaction makes objects of, and how many a second at most over a while. */
const EVENTS_AT_ONCE = 50;
const ENTRIES_AT_ONCE = 500;
const EVENTS_A_SECOND = 300;
/** Further behind than this, what is oldest is left to the timeline. */
const MOST_BEHIND = 20_000;
const RETRY_MS = 5_000;

export interface EventProjector {
  /** There may be new events in the timeline. */
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Makes Kubernetes' Event objects of the events in devices' timelines, beside the taking in of reports: a fleet that
 * has much to say is heard at once, and shows in `kubectl get events` as fast as objects can be made.
 */
export function createEventProjector({
  store,
  clock,
  log,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}): EventProjector {
  let running: Promise<void> | undefined;
  let woken = false;
  let stopped = false;
  let cancelWait = () => {};

  function wake(): void {
    woken = true;
    if (stopped || running !== undefined) return;
    running = project()
      .catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'events could not be shown and will be tried again');
        return RETRY_MS;
      })
      .then((waitMs) => {
        cancelWait = clock.after(waitMs, () => {
          running = undefined;
          if (woken) wake();
        });
      });
  }

  /** One turn; the result is how long the next has to wait, in milliseconds. */
  async function project(): Promise<number> {
    await clock.turn();
    woken = false;
    const { shown, skipped, isMore } = await store.transaction(async ({ timeline, objects, progress }) => {
      const before = await progress.get('events_projected');
      const after = Math.max(before, (await timeline.newest()) - MOST_BEHIND);
      const entries = await timeline.after(after, ENTRIES_AT_ONCE);
      const events = entries.filter(({ kind }) => kind === 'event').slice(0, EVENTS_AT_ONCE);
      for (const event of events) await putEvent(objects, event);
      const isFull = events.length === EVENTS_AT_ONCE;
      const through = (isFull ? events : entries).at(-1)?.id ?? after;
      if (through > before) await progress.set('events_projected', through);
      return {
        shown: events.length,
        skipped: after - before,
        isMore: isFull || entries.length === ENTRIES_AT_ONCE,
      };
    });
    if (skipped > 0)
      log.warn({ skipped }, 'too many events to show them all: the oldest are in the timeline only');
    if (isMore) woken = true;
    return (shown * 1_000) / EVENTS_A_SECOND;
  }

  return {
    wake,
    async stop() {
      stopped = true;
      cancelWait();
      await running;
      cancelWait();
    },
  };
}
