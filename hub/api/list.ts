import { z } from 'zod';
import { storedKindOf } from '../../shared/model/kind.ts';
import type { ObjectRow, ReadTables } from '../ports.ts';
import type { Answer } from './answer.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { badRequest, tooLargeResourceVersion, tooOldContinue, tooOldVersion } from './errors.ts';
import type { ResourcePath } from './path.ts';
import { parseCount } from './query.ts';
import type { Snapshot } from './read-rows.ts';
import { readRows } from './read-rows.ts';
import type { Selection } from './selection.ts';
import { parseSelection } from './selection.ts';

/** Where a list that was cut short goes on: after an object, in the state of affairs of its first page. */
const continuation = z.strictObject({
  /** -1 for the newest: the state of affairs of the first page is forgotten. */
  resourceVersion: z.int(),
  namespace: z.string(),
  name: z.string(),
  /** How many objects there are after it, where that is known. */
  remaining: z.int().optional(),
});
type Continuation = z.infer<typeof continuation>;
const NEWEST = -1;

/**
 * Kubernetes' list: the newest state of affairs unless an exact one is asked for (`resourceVersionMatch=Exact`,
 * `continue`), which is found by taking back what the log says has changed since.
 */
export async function list(context: ApiContext, path: ResourcePath, { query }: ApiRequest): Promise<Answer> {
  const selection = parseSelection(context, path, query);
  const limit = parseCount(query, 'limit') ?? 0;
  const { from, exact, atLeast } = parsePlace(query, limit);
  return context.store.read(async ({ objects }) => {
    const newest = await objects.resourceVersion();
    if (atLeast > newest) throw tooLargeResourceVersion(atLeast, newest);
    const at = exact ?? newest;
    const { namespace } = path;
    const snapshot: Snapshot = { kind: storedKindOf(path.kind), resourceVersion: at, namespace, after: from };
    const read = await readSelected(objects, snapshot, selection, limit);
    if (read === 'forgotten')
      throw from === undefined ? tooOldVersion(at) : tooOldContinue(encode(NEWEST, from));
    const { rows, isMore } = read;
    const last = rows.at(-1);
    if (!isMore || last === undefined)
      return { form: 'list', rows, metadata: { resourceVersion: String(at) } };
    const counted =
      from === undefined && at === newest ? await objects.count(snapshot.kind, namespace) : from?.remaining;
    const left = selection.whole && counted !== undefined ? counted - rows.length : undefined;
    const metadata = {
      resourceVersion: String(at),
      continue: encode(at, last, left),
      ...(left !== undefined && { remainingItemCount: left }),
    };
    return { form: 'list', rows, metadata };
  });
}

/** The first `limit` (0 for all) that are selected, and whether there are more. */
async function readSelected(
  objects: ReadTables['objects'],
  snapshot: Snapshot,
  selection: Selection,
  limit: number,
): Promise<{ readonly rows: ObjectRow[]; readonly isMore: boolean } | 'forgotten'> {
  const rows: ObjectRow[] = [];
  // One more than are wanted, which tells that there are more.
  const atOnce = selection.whole && limit > 0 ? limit + 1 : undefined;
  const reading = readRows((work) => work(objects), snapshot, atOnce);
  for (;;) {
    const batch = await reading.next();
    if (batch.done === true) return batch.value === 'forgotten' ? 'forgotten' : { rows, isMore: false };
    for (const row of batch.value) {
      if (!selection.matchesRow(row)) continue;
      if (limit > 0 && rows.length === limit) return { rows, isMore: true };
      rows.push(row);
    }
  }
}

/** The rules of the API's concepts page, "Resource versions", for `get` of a list; texts as in apimachinery. */
function parsePlace(query: URLSearchParams, limit: number) {
  const resourceVersion = parseCount(query, 'resourceVersion');
  const match = query.get('resourceVersionMatch') ?? '';
  const token = query.get('continue') ?? '';
  const isSet = (query.get('resourceVersion') ?? '') !== '';
  if ((query.get('sendInitialEvents') ?? '') !== '') {
    throw badRequest('sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list');
  }
  if (match !== '') {
    if (token !== '') {
      throw badRequest(
        'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided',
      );
    }
    if (!isSet) {
      throw badRequest(
        'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
      );
    }
    if (!['Exact', 'NotOlderThan'].includes(match)) {
      throw badRequest(
        `resourceVersionMatch: Unsupported value: "${match}": supported values: "Exact", "NotOlderThan", ""`,
      );
    }
    if (match === 'Exact' && resourceVersion === 0) {
      throw badRequest(
        'resourceVersionMatch: Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"',
      );
    }
  }
  if (token !== '') {
    if ((resourceVersion ?? 0) !== 0) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const from = decode(token);
    const isNewest = from.resourceVersion === NEWEST;
    return {
      from,
      exact: isNewest ? undefined : from.resourceVersion,
      atLeast: isNewest ? 0 : from.resourceVersion,
    };
  }
  const atLeast = resourceVersion ?? 0;
  // A version together with a limit has meant that very version since before there was a match to say so.
  const isExact = match === 'Exact' || (match === '' && limit > 0 && atLeast > 0);
  return { from: undefined, exact: isExact ? atLeast : undefined, atLeast };
}

interface Place {
  readonly namespace: string;
  readonly name: string;
}

function encode(resourceVersion: number, { namespace, name }: Place, remaining?: number): string {
  const from: Continuation = {
    resourceVersion,
    namespace,
    name,
    ...(remaining !== undefined && { remaining }),
  };
  return Buffer.from(JSON.stringify(from)).toString('base64url');
}

function decode(token: string): Continuation {
  try {
    return continuation.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
  } catch {
    throw badRequest('continue key is not valid: it is not a token that the hub has given out');
  }
}
