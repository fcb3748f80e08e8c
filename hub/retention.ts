import type { Event } from '../shared/model/event.ts';
import type { Store } from './ports.ts';

/** How many changes watchers can catch up on; what lists again is none the worse. */
const CHANGES_KEPT = 20_000;
/** How many old events one round removes at most. */
const EVENTS_PER_ROUND = 1_000;

/** Forgets what is past its time, in bounded work; to be called now and then. */
export async function prune(store: Store, eventRetentionMs: number, nowMs: number): Promise<void> {
  await store.transaction(async ({ objects }) => {
    await objects.pruneChanges(CHANGES_KEPT);
    const events = (await objects.list('/Event')) as unknown as Event[];
    const old = events.filter(({ metadata }) => {
      return Date.parse(metadata.creationTimestamp ?? '') < nowMs - eventRetentionMs;
    });
    for (const { metadata } of old.slice(0, EVENTS_PER_ROUND)) {
      await objects.remove({ kind: '/Event', namespace: metadata.namespace ?? '', name: metadata.name });
    }
  });
}
