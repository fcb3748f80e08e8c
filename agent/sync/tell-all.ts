import { isFound } from '../plan/kept.ts';
import type { Happening, Store } from '../ports.ts';

/**
 * Queues all that the device holds and all that is the case, for a hub that knows less than it did. The word on the
 * desired document comes last: with it the hub has been told everything.
 */
export function tellAll(store: Store, happening: Happening): void {
  store.transaction(() => {
    const generation = store.desired()?.generation ?? 0;
    for (const { uid, desired, memory } of store.machines()) {
      // What was only found on the disk is no description that a hub could take over.
      if (!isFound(desired)) {
        const entry = desired as Record<string, unknown>;
        store.putStatus(`held/${uid}`, { kind: 'held', generation, entry }, happening);
      }
      const { reported: status } = memory;
      if (status !== undefined) store.putStatus(`machine/${uid}`, { kind: 'machine', status }, happening);
    }
    store.putStatus('desired', { kind: 'desired', generation, problems: [] }, happening);
  });
}
