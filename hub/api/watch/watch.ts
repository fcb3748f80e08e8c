import type { ResourceObject } from '../../../shared/model/kind.ts';
import { apiVersionOf, storedKindOf } from '../../../shared/model/kind.ts';
import type { ObjectChange, Store } from '../../ports.ts';
import type { Answer } from '../answer.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { tooOldWatch } from '../errors.ts';
import { checkListOptions } from '../read/list-options.ts';
import type { ResourcePath } from '../path.ts';
import { parseCount, parseFlag } from '../query.ts';
import { readRows } from '../read/read-rows.ts';
import type { Selection } from '../read/selection.ts';
import { parseSelection } from '../read/selection.ts';
import type { WatchEvent } from './watch-feed.ts';
import { openWatchFeed } from './watch-feed.ts';

/** How long a watch lasts where the client doesn't say; up to half as long again, so that not all end together. */
const DEFAULT_TIMEOUT_MS = 40 * 60_000;
/** How many changes are read at a time by a watcher that catches up. */
const CHANGES_AT_ONCE = 500;

/** Kubernetes' watch: what is there now where that is asked for, then every change of what is selected. */
export async function watch(context: ApiContext, path: ResourcePath, { query }: ApiRequest): Promise<Answer> {
  const selection = parseSelection(context, path, query);
  const origin = parseOrigin(query);
  const bookmarks = parseFlag(query, 'allowWatchBookmarks') ?? false;
  const timeoutSeconds = parseCount(query, 'timeoutSeconds') ?? 0;
  const feed = await openWatchFeed(context, {
    kind: storedKindOf(path.kind),
    timeoutMs:
      timeoutSeconds > 0 ? timeoutSeconds * 1000 : DEFAULT_TIMEOUT_MS * (1 + context.random.fraction() / 2),
    async *catchUp(upTo) {
      // A version that is yet to come was given out before the hub was restored from a backup.
      if (origin.after !== undefined && origin.after > upTo) yield expiredEvent(origin.after, upTo);
      else if (origin.initial) yield* readInitial(context.store, path, selection, upTo);
      else if (origin.after !== undefined)
        yield* readChanges(context.store, path, selection, origin.after, upTo);
      if (origin.marked && bookmarks) yield bookmark(path, upTo, { 'k8s.io/initial-events-end': 'true' });
    },
    select: (change) => selectEvent(selection, change),
    ...(bookmarks && { bookmark: (resourceVersion) => bookmark(path, resourceVersion) }),
  });
  return { form: 'watch', feed };
}

interface Origin {
  /** Whether what is there comes first, as objects that were added. */
  readonly initial: boolean;
  /** The version after which changes are wanted; undefined for the newest. */
  readonly after: number | undefined;
  /** Whether the end of what is there is to be marked (KEP-3157, streaming lists). */
  readonly marked: boolean;
}

function parseOrigin(query: URLSearchParams): Origin {
  checkListOptions(query, true);
  const after = parseCount(query, 'resourceVersion') ?? 0;
  const asked = parseFlag(query, 'sendInitialEvents');
  if (asked === undefined) {
    return { initial: after === 0, after: after === 0 ? undefined : after, marked: false };
  }
  return { initial: asked, after: after === 0 ? undefined : after, marked: asked };
}

/** As upstream a watch that can't begin is not refused: its first event says why, and is its last. */
function expiredEvent(asked: number, newest: number): WatchEvent {
  return { type: 'ERROR', status: tooOldWatch(asked, newest).status };
}

/** What was there at a version, read a little at a time: the client may be slow, and others have to write. */
async function* readInitial(
  store: Store,
  path: ResourcePath,
  selection: Selection,
  upTo: number,
): AsyncGenerator<WatchEvent, void> {
  const snapshot = { kind: storedKindOf(path.kind), namespace: path.namespace, resourceVersion: upTo };
  const reading = readRows((work) => store.read(({ objects }) => work(objects)), snapshot);
  for (;;) {
    const batch = await reading.next();
    if (batch.done === true) {
      if (batch.value === 'forgotten') yield expiredEvent(upTo, upTo);
      return;
    }
    for (const row of batch.value) if (selection.matchesRow(row)) yield { type: 'ADDED', row };
  }
}

/** What has changed between two versions, read a little at a time. */
async function* readChanges(
  store: Store,
  path: ResourcePath,
  selection: Selection,
  after: number,
  upTo: number,
): AsyncGenerator<WatchEvent, void> {
  const kind = storedKindOf(path.kind);
  let from = after;
  while (from < upTo) {
    const since = from;
    const changes = await store.read(({ objects }) => objects.changesSince(kind, since, CHANGES_AT_ONCE));
    if (changes === undefined) {
      yield expiredEvent(since, upTo);
      return;
    }
    for (const change of changes) {
      // What came after is told as it happens.
      if (change.resourceVersion > upTo) return;
      const event = selectEvent(selection, change);
      if (event !== undefined) yield event;
    }
    if (changes.length < CHANGES_AT_ONCE) return;
    from = changes.at(-1)?.resourceVersion ?? upTo;
  }
}

/** What a change looks like to those who see a selection of objects only; undefined where they see nothing. */
function selectEvent(selection: Selection, { object, ...change }: ObjectChange): WatchEvent | undefined {
  const before = change.previous !== undefined && selection.matches(change.previous);
  const now = change.type !== 'DELETED' && selection.matches(object);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object };
  if (!before || change.previous === undefined) return undefined;
  // One that was deleted is what it was, with the version at which it went; one that left the selection too.
  if (change.type === 'DELETED') return { type: 'DELETED', object };
  const metadata = { ...change.previous.metadata, resourceVersion: String(change.resourceVersion) };
  return { type: 'DELETED', object: { ...change.previous, metadata } };
}

function bookmark(
  { kind, version }: ResourcePath,
  resourceVersion: number,
  annotations?: Record<string, string>,
): WatchEvent {
  const metadata = {
    name: '',
    resourceVersion: String(resourceVersion),
    ...(annotations && { annotations }),
  };
  const object: ResourceObject = { apiVersion: apiVersionOf(kind, version), kind: kind.kind, metadata };
  return { type: 'BOOKMARK', object };
}
