import type { ResourceObject } from '../../shared/model/kind.ts';
import { apiVersionOf, groupKindOf } from '../../shared/model/kind.ts';
import type { ObjectChange, ObjectTable } from '../ports.ts';
import type { Answer } from './answer.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { badRequest, expired } from './errors.ts';
import type { ResourcePath } from './path.ts';
import { parseCount, parseFlag } from './query.ts';
import type { Selection } from './selection.ts';
import { parseSelection } from './selection.ts';
import type { WatchEvent, WatchStart } from './watch-feed.ts';
import { openWatchFeed } from './watch-feed.ts';

/** How long a watch lasts where the client doesn't say; up to half as long again, so that not all end together. */
const DEFAULT_TIMEOUT_MS = 40 * 60_000;

/** Kubernetes' watch: what is there now where that is asked for, then every change of what is selected. */
export async function watch(context: ApiContext, path: ResourcePath, { query }: ApiRequest): Promise<Answer> {
  const selection = parseSelection(context, path, query);
  const origin = parseOrigin(query);
  const bookmarks = parseFlag(query, 'allowWatchBookmarks') ?? false;
  const timeoutSeconds = parseCount(query, 'timeoutSeconds') ?? 0;
  const feed = await openWatchFeed(context, {
    kind: groupKindOf(path.kind),
    timeoutMs:
      timeoutSeconds > 0 ? timeoutSeconds * 1000 : DEFAULT_TIMEOUT_MS * (1 + context.random.fraction() / 2),
    start: (objects) => start(objects, path, selection, origin, bookmarks),
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
  const after = parseCount(query, 'resourceVersion') ?? 0;
  const asked = parseFlag(query, 'sendInitialEvents');
  const match = query.get('resourceVersionMatch') ?? '';
  if (asked === undefined) {
    if (match !== '')
      throw badRequest('resourceVersionMatch is forbidden for a watch without sendInitialEvents');
    return { initial: after === 0, after: after === 0 ? undefined : after, marked: false };
  }
  if (match !== 'NotOlderThan') {
    throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  return { initial: asked, after: after === 0 ? undefined : after, marked: asked };
}

async function start(
  objects: ObjectTable,
  path: ResourcePath,
  selection: Selection,
  { initial, after, marked }: Origin,
  bookmarks: boolean,
): Promise<WatchStart> {
  const kind = groupKindOf(path.kind);
  const newest = await objects.resourceVersion();
  // A version that is yet to come was given out before the hub was restored from a backup.
  if ((after ?? 0) > newest) throw expired(`too large resource version: ${after} (newest: ${newest})`);
  if (initial) {
    const selected = (await objects.list(kind, path.namespace)).filter((object) => selection.matches(object));
    const events = selected.map((object): WatchEvent => ({ type: 'ADDED', object }));
    if (marked && bookmarks) {
      events.push(bookmark(path, newest, { 'k8s.io/initial-events-end': 'true' }));
    }
    return { events, at: newest };
  }
  if (after === undefined) return { events: [], at: newest };
  const changes = await objects.changesSince(kind, after);
  if (changes === undefined) throw expired(`too old resource version: ${after} (newest: ${newest})`);
  const events = changes
    .map((change) => selectEvent(selection, change))
    .filter((event) => event !== undefined);
  return { events, at: newest };
}

/** What a change looks like to those who see a selection of objects only; undefined where they see nothing. */
function selectEvent(selection: Selection, { object, ...change }: ObjectChange): WatchEvent | undefined {
  const before = change.previous !== undefined && selection.matches(change.previous);
  const now = change.type !== 'DELETED' && selection.matches(object);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object };
  if (!before || change.previous === undefined) return undefined;
  // One that left the selection is shown as it was, with the version at which it left.
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
