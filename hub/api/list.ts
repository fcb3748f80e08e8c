import { z } from 'zod';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { groupKindOf } from '../../shared/model/kind.ts';
import type { ObjectTable } from '../ports.ts';
import type { Answer } from './answer.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { badRequest, expired, tooLargeResourceVersion } from './errors.ts';
import type { ResourcePath } from './path.ts';
import { parseCount } from './query.ts';
import { parseSelection } from './selection.ts';

/** Where a list that was cut short goes on: after an object, in the state of affairs of its first page. */
const continuation = z.strictObject({
  resourceVersion: z.int(),
  namespace: z.string(),
  name: z.string(),
});
type Continuation = z.infer<typeof continuation>;

/**
 * Kubernetes' list: the newest state of affairs unless an exact one is asked for (`resourceVersionMatch=Exact`,
 * `continue`), which is found by taking back what the log says has changed since.
 */
export async function list(context: ApiContext, path: ResourcePath, { query }: ApiRequest): Promise<Answer> {
  const selection = parseSelection(context, path, query);
  const limit = parseCount(query, 'limit') ?? 0;
  const { from, exact, atLeast } = parsePlace(query, limit);
  return context.store.transaction(async ({ objects }) => {
    const newest = await objects.resourceVersion();
    if (atLeast > newest) throw tooLargeResourceVersion(atLeast, newest);
    const at = exact ?? newest;
    const all =
      at === newest
        ? await objects.list(groupKindOf(path.kind), path.namespace)
        : await listAt(objects, path, at);
    const selected = all.filter(
      (object) => selection.matches(object) && (from === undefined || isAfter(object, from)),
    );
    const items = limit === 0 ? selected : selected.slice(0, limit);
    const last = items.at(-1)?.metadata;
    const left = selected.length - items.length;
    const metadata = {
      resourceVersion: String(at),
      ...(left > 0 && last !== undefined && { continue: encode(at, last) }),
      ...(left > 0 && selection.whole && { remainingItemCount: left }),
    };
    return { form: 'list', items, metadata };
  });
}

/** The rules of the API's concepts page, "Resource versions", for `get` of a list. */
function parsePlace(query: URLSearchParams, limit: number) {
  const resourceVersion = parseCount(query, 'resourceVersion');
  const match = query.get('resourceVersionMatch') ?? '';
  const token = query.get('continue') ?? '';
  if (!['', 'Exact', 'NotOlderThan'].includes(match)) {
    throw badRequest(`resourceVersionMatch must be Exact or NotOlderThan, not "${match}"`);
  }
  if (match !== '' && resourceVersion === undefined) {
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (match === 'Exact' && resourceVersion === 0) {
    throw badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
  }
  if (token !== '') {
    if (match !== '') throw badRequest('resourceVersionMatch is forbidden when continue is provided');
    if ((resourceVersion ?? 0) !== 0) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const from = decode(token);
    return { from, exact: from.resourceVersion, atLeast: from.resourceVersion };
  }
  const atLeast = resourceVersion ?? 0;
  // A version together with a limit has meant that very version since before there was a match to say so.
  const isExact = match === 'Exact' || (match === '' && limit > 0 && atLeast > 0);
  return { from: undefined, exact: isExact ? atLeast : undefined, atLeast };
}

async function listAt(objects: ObjectTable, path: ResourcePath, at: number): Promise<ResourceObject[]> {
  const kind = groupKindOf(path.kind);
  const changes = await objects.changesSince(kind, at);
  if (changes === undefined) {
    throw expired(`The resource version ${at} is too old: list again without it, and without continue`);
  }
  const place = (namespace: string, name: string) => `${namespace}/${name}`;
  const state = new Map<string, ResourceObject>();
  for (const object of await objects.list(kind, path.namespace)) {
    state.set(place(object.metadata.namespace ?? '', object.metadata.name), object);
  }
  for (const { key, previous } of changes.toReversed()) {
    if (previous === undefined) state.delete(place(key.namespace, key.name));
    else state.set(place(key.namespace, key.name), previous);
  }
  return [...state.values()].sort((a, b) => (isAfter(a, b.metadata) ? 1 : -1));
}

interface Place {
  readonly namespace?: string | undefined;
  readonly name: string;
}

function isAfter({ metadata }: ResourceObject, place: Place): boolean {
  const [namespace, other] = [metadata.namespace ?? '', place.namespace ?? ''];
  return namespace === other ? metadata.name > place.name : namespace > other;
}

function encode(resourceVersion: number, { namespace = '', name }: Place): string {
  const from: Continuation = { resourceVersion, namespace, name };
  return Buffer.from(JSON.stringify(from)).toString('base64url');
}

function decode(token: string): Continuation {
  try {
    return continuation.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
  } catch {
    throw badRequest('continue is not a token that the hub has given out');
  }
}
