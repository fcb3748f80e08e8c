import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { Tables } from '../ports.ts';

/** How long an item that failed waits before it is tried again; it doubles with each failure, up to the longest. */
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** What is to be done about one item. */
export interface Work {
  /** Does it, in a transaction; what it gives is run once that is committed. */
  readonly take: (tables: Tables) => Promise<() => void>;
  succeeded(): void;
  failed(error: unknown): void;
}

/** Items of one sort that are to be looked at. */
export interface Marks<T> {
  /** Marks an item, once however often it is marked; one that waits after a failure is due at once. */
  add(item: T): void;
  /** Marks an item that is to be looked at after a while, however often that is asked for meanwhile. */
  addIn(delayMs: number, item: T): void;
  /** The work on the item that was marked first, or undefined where none is due. */
  next(): Work | undefined;
  /** Forgets them all. */
  clear(): void;
}

interface MarksOptions<T> {
  readonly clock: Clock;
  readonly log: Log;
  readonly keyOf: (item: T) => string;
  readonly take: (item: T, tables: Tables) => Promise<() => void>;
  /** Called when an item has become due. */
  readonly due: () => void;
}

/** An item that fails stays marked and waits on its own, so that it holds up no other. */
export function createMarks<T>({ clock, log, keyOf, take, due }: MarksOptions<T>): Marks<T> {
  const marked = new Map<string, T>();
  const failures = new Map<string, number>();
  const waits = new Map<string, () => void>();

  function add(item: T): void {
    const key = keyOf(item);
    waits.get(key)?.();
    waits.delete(key);
    // The newest form of the item, in the place that it was first marked in.
    marked.set(key, item);
    due();
  }

  function addIn(delayMs: number, item: T): void {
    const key = keyOf(item);
    if (marked.has(key) || waits.has(key)) return;
    waits.set(
      key,
      clock.after(delayMs, () => add(item)),
    );
  }

  function retry(key: string, item: T, error: unknown): void {
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (count - 1), LONGEST_RETRY_MS);
    log.error({ item: key, retryMs, error: messageOf(error) }, 'reconciling failed and will be tried again');
    // Marked again meanwhile, it does not need the wait.
    if (!marked.has(key)) addIn(retryMs, item);
  }

  return {
    add,
    addIn,
    next() {
      const [first] = marked;
      if (first === undefined) return undefined;
      const [key, item] = first;
      marked.delete(key);
      return {
        take: (tables) => take(item, tables),
        succeeded: () => void failures.delete(key),
        failed: (error) => retry(key, item, error),
      };
    },
    clear() {
      for (const cancel of waits.values()) cancel();
      waits.clear();
      marked.clear();
    },
  };
}
