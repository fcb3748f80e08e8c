import type { Happening, Store } from '../ports.ts';

/**
 * Queues all that the device holds and all that is the case, for a hub that knows less than it did. Last comes the
 * word that this was all, with the machines that it names: what was queued for an earlier telling can't pass for it.
 */
export function tellAll(store: Store, happening: Happening): void {
  store.transaction(() => {
    const generation = store.desired()?.generation ?? 0;
    const machines = store.machines();
    for (const { uid, desired, memory } of machines) {
      const entry = desired as Record<string, unknown>;
      const { reported: status } = memory;
      const body = { kind: 'held' as const, generation, entry, ...(status !== undefined && { status }) };
      store.putStatus(`held/${uid}`, body, happening);
    }
    const uids = machines.map(({ uid }) => uid);
    store.putStatus('told', { kind: 'told', generation, machines: uids }, happening);
  });
}
