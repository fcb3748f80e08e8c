import type { Clock } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';
import type { Work } from './marks.ts';

/** One transaction takes so much at most, and goes on for no longer: what devices say waits meanwhile. */
const MOST_AT_ONCE = 20;
const LONGEST_MS = 10;

/**
 * Takes the first and what more there is, several in one transaction: each commit waits for the disk, and a fleet that changes is many
 * thousand of them.
 */
export async function carryOutSome(
  store: Store,
  clock: Clock,
  first: Work,
  next: () => Work | undefined,
): Promise<void> {
  const taken = [first];
  try {
    const acts = await store.transaction(async (tables) => {
      const untilMs = clock.monotonic() + LONGEST_MS;
      const after = [await first.take(tables)];
      while (taken.length < MOST_AT_ONCE && clock.monotonic() < untilMs) {
        const work = next();
        if (work === undefined) break;
        taken.push(work);
        after.push(await work.take(tables));
      }
      return after;
    });
    for (const work of taken) work.done();
    for (const act of acts) act();
  } catch (error) {
    if (taken.length === 1) first.failed(error);
    // One that can't be done must not undo the others.
    else for (const work of taken) await carryOutAlone(store, work);
  }
}

async function carryOutAlone(store: Store, work: Work): Promise<void> {
  try {
    const act = await store.transaction((tables) => work.take(tables));
    work.done();
    act();
  } catch (error) {
    work.failed(error);
  }
}
