import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { ObjectChange, ObjectRow } from '../../ports.ts';
import type { ApiContext } from '../context.ts';
import type { Status } from '../errors.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: ResourceObject }
  /** An object that was there when the watch began. */
  | { readonly type: 'ADDED'; readonly row: ObjectRow }
  /** The last of a watch that can't go on. */
  | { readonly type: 'ERROR'; readonly status: Status };

export interface WatchFeed {
  /** Every event once and in order, until the watch ends. To be gone through once. */
  events(): AsyncGenerator<WatchEvent, void>;
  /** Ends the watch at once: `closed` is aborted, and `events` ends. */
  close(): void;
  readonly closed: AbortSignal;
}

interface FeedOptions {
  readonly kind: string;
  readonly timeoutMs: number;
  /** What comes before the changes that are still to happen, up to the version that is the newest when the watch begins. */
  catchUp(upTo: number): AsyncGenerator<WatchEvent, void>;
  /** The event that a change is, if any. */
  select(change: ObjectChange): WatchEvent | undefined;
  /** Makes a bookmark, where the client wants them. */
  bookmark?(resourceVersion: number): WatchEvent;
}

/** A watcher that is this far behind is let go: it comes back, and finds in the log what it has missed. */
const MOST_PENDING_CHANGES = 5_000;
const BOOKMARK_INTERVAL_MS = 60_000;

/**
 * Joins what is there with what happens from then on: it listens first and reads then, so nothing is lost in
 * between, and drops what it has heard of that its reading already showed, so nothing comes twice.
 */
export async function openWatchFeed(
  { store, clock, log }: Pick<ApiContext, 'store' | 'clock' | 'log'>,
  options: FeedOptions,
): Promise<WatchFeed> {
  const closing = new AbortController();
  let pending: ObjectChange[] = [];
  let newest = 0;
  /** What happened up to this version is told by `catchUp`. */
  let begun = 0;
  let due: 'nothing' | 'bookmark' | 'end' = 'nothing';
  let wake = () => {};

  const stopListening = store.onChange((change) => {
    newest = change.resourceVersion;
    if (change.key.kind !== options.kind || closing.signal.aborted) return;
    if (change.resourceVersion <= begun) return;
    pending.push(change);
    if (pending.length > MOST_PENDING_CHANGES) {
      log.warn({ kind: options.kind, pending: pending.length }, 'a watch was closed: its client is too slow');
      close();
    }
    wake();
  });
  let stopBookmarks = () => {};
  const stopTimeout = clock.after(options.timeoutMs, () => {
    due = 'end';
    wake();
  });

  function close(): void {
    pending = [];
    stopListening();
    stopBookmarks();
    stopTimeout();
    closing.abort();
    wake();
  }

  function scheduleBookmark(): void {
    stopBookmarks = clock.after(BOOKMARK_INTERVAL_MS, () => {
      if (due === 'nothing') due = 'bookmark';
      wake();
    });
  }

  const upTo = await store
    .read(({ objects }) => objects.resourceVersion())
    .catch((error: unknown) => {
      close();
      throw error;
    });
  begun = upTo;
  newest = Math.max(newest, upTo);
  pending = pending.filter(({ resourceVersion }) => resourceVersion > upTo);
  if (options.bookmark !== undefined) scheduleBookmark();

  async function* events(): AsyncGenerator<WatchEvent, void> {
    for await (const event of options.catchUp(upTo)) {
      if (closing.signal.aborted) return;
      yield event;
      if (event.type === 'ERROR') return;
    }
    while (!closing.signal.aborted) {
      const change = pending.shift();
      if (change !== undefined) {
        const event = options.select(change);
        if (event !== undefined) yield event;
      } else if (due === 'nothing') {
        await new Promise<void>((resolve) => (wake = resolve));
      } else {
        // Nothing is pending, so the client has seen all there was up to the newest version.
        if (options.bookmark !== undefined) yield options.bookmark(newest);
        if (due === 'end') return;
        due = 'nothing';
        scheduleBookmark();
      }
    }
  }

  return { events, close, closed: closing.signal };
}
