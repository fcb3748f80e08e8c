import { messageOf } from '../shared/base/errors.ts';
import type { Event } from '../shared/model/event.ts';
import type { Clock, Log } from '../shared/ports.ts';
import type { Store, Tables } from './ports.ts';

/** How often what is past its time is looked for; where a round did not get to the end, the next comes soon. */
const ROUND_EVERY_MS = 10 * 60_000;
const NEXT_ROUND_MS = 100;
/** What one transaction forgets at most: others wait for no longer than that takes. */
const ENTRIES_AT_ONCE = 1_000;
const CHANGES_AT_ONCE = 1_000;
const EVENTS_AT_ONCE = 100;
/** How many changes watchers can catch up on; what lists again is none the worse. */
const CHANGES_KEPT = 20_000;
/** A list of more events helps nobody, and the timeline has them all. */
const MOST_EVENTS = 50_000;

export interface Retention {
  start(): void;
  /** Resolves when what is under way is over. */
  stop(): Promise<void>;
}

interface RetentionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly eventRetentionMs: number;
  readonly timelineRetentionMs: number;
  /** How many Event objects are kept at most, whatever their age. */
  readonly mostEvents?: number;
}

/** Forgets what is past its time, a little at a time: however much there is, everything else gets its turn in between. */
export function createRetention({
  store,
  clock,
  log,
  eventRetentionMs,
  timelineRetentionMs,
  mostEvents = MOST_EVENTS,
}: RetentionOptions): Retention {
  let cancel = () => {};
  let running = Promise.resolve();
  let stopped = false;

  /** The result is whether there is more to be forgotten. */
  async function round(): Promise<boolean> {
    const nowMs = clock.now();
    const entries = await store.transaction(({ timeline }) =>
      timeline.prune(nowMs - timelineRetentionMs, ENTRIES_AT_ONCE),
    );
    const events = await store.transaction((tables) =>
      pruneEvents(tables, nowMs - eventRetentionMs, mostEvents),
    );
    const changes = await store.transaction(({ objects }) =>
      objects.pruneChanges(CHANGES_KEPT, CHANGES_AT_ONCE),
    );
    return entries === ENTRIES_AT_ONCE || events === EVENTS_AT_ONCE || changes === CHANGES_AT_ONCE;
  }

  async function run(): Promise<void> {
    const isBehind = await round().catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'pruning failed and will be tried again');
      return false;
    });
    scheduleRound(isBehind ? NEXT_ROUND_MS : ROUND_EVERY_MS);
  }

  function scheduleRound(delayMs: number): void {
    if (stopped) return;
    cancel = clock.after(delayMs, () => {
      running = run();
    });
  }

  return {
    start: () => scheduleRound(ROUND_EVERY_MS),
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
  };
}

/** Forgets events that are old or too many; the result is how many. */
async function pruneEvents({ objects }: Tables, beforeMs: number, most: number): Promise<number> {
  const excess = (await objects.count('/Event')) - most;
  const oldest = (await objects.oldest('/Event', EVENTS_AT_ONCE)) as unknown as Event[];
  const past = oldest.filter(
    ({ metadata }, index) => index < excess || Date.parse(metadata.creationTimestamp ?? '') < beforeMs,
  );
  for (const { metadata } of past) {
    await objects.remove({ kind: '/Event', namespace: metadata.namespace ?? '', name: metadata.name });
  }
  return past.length;
}
