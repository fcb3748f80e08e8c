import type { Store } from '../../agent/ports.ts';
import type { PendingFacts, SeenStore, Witness } from './witness.ts';
import { describeEvent } from './witness.ts';

/** The agent's store, with what it makes durable told to the witness. */
export function watchStore(store: Store, seen: SeenStore, facts: PendingFacts, witness: Witness): Store {
  let depth = 0;

  /** Has `tell` called once `write` is durable. */
  function record(tell: () => void, write: () => void): void {
    facts.add(tell);
    try {
      write();
    } catch (error) {
      if (depth === 0) facts.undone();
      throw error;
    }
  }

  const { device } = seen;
  return {
    ...store,
    transaction(work) {
      depth += 1;
      try {
        return store.transaction(work);
      } finally {
        depth -= 1;
      }
    },
    saveDesired: (generation, hash, text) =>
      record(
        () => witness.held(seen, { device, generation, hash, text }),
        () => store.saveDesired(generation, hash, text),
      ),
    appendEvent: (body, happening) =>
      record(
        () => {
          const { type, reason, message, machine } = body;
          const atMs = Math.round(happening.atMs);
          witness.eventStored(seen, describeEvent({ type, reason, message, uid: machine?.uid, atMs }));
        },
        () => store.appendEvent(body, happening),
      ),
  };
}
