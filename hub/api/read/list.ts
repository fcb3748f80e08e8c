import { z } from 'zod';
import { storedKindOf } from '../../../shared/model/kind.ts';
import type { Clock } from '../../../shared/ports.ts';
import type { ObjectRow } from '../../ports.ts';
import type { Answer } from '../answer.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { badRequest, tooLargeResourceVersion, tooOldContinue, tooOldVersion } from '../errors.ts';
import { checkListOptions } from './list-options.ts';
import type { ResourcePath } from '../path.ts';
import { parseCount } from '../query.ts';
import type { ReadObjects, Snapshot } from './read-rows.ts';
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
  const kind = storedKindOf(path.kind);
  const { namespace } = path;
  // A little at a time, all of it as it was at one version: others read and write meanwhile.
  const read: ReadObjects = (work) => context.store.read(({ objects }) => work(objects));
  const { at, counted } = await read(async (objects) => {
    const newest = await objects.resourceVersion();
    if (atLeast > newest) throw tooLargeResourceVersion(atLeast, newest);
    const isCounted = from === undefined && limit > 0 && selection.whole && (exact ?? newest) === newest;
    return {
      at: exact ?? newest,
      counted: isCounted ? await objects.count(kind, namespace) : from?.remaining,
    };
  });
  // One more than are wanted, which tells that there are more.
  const atOnce = selection.whole && limit > 0 ? limit + 1 : undefined;
  const snapshot: Snapshot = { kind, resourceVersion: at, namespace, after: from };
  const selected = await takeSelected(readRows(read, snapshot, atOnce), selection, limit, context.clock);
  if (selected === 'forgotten')
    throw from === undefined ? tooOldVersion(at) : tooOldContinue(encode(NEWEST, from));
  const { rows, isMore } = selected;
  const last = rows.at(-1);
  if (!isMore || last === undefined) return { form: 'list', rows, metadata: { resourceVersion: String(at) } };
  const left = selection.whole && counted !== undefined ? counted - rows.length : undefined;
  const metadata = {
    resourceVersion: String(at),
    continue: encode(at, last, left),
    ...(left !== undefined && { remainingItemCount: left }),
  };
  return { form: 'list', rows, metadata };
}

/** The first `limit` (0 for all) that are selected, and whether there are more. */
async function takeSelected(
  reading: ReturnType<typeof readRows>,
  selection: Selection,
  limit: number,
  clock: Clock,
): Promise<{ readonly rows: ObjectRow[]; readonly isMore: boolean } | 'forgotten'> {
  const rows: ObjectRow[] = [];
  for (;;) {
    const batch = await reading.next();
    if (batch.done === true) return batch.value === 'forgotten' ? 'forgotten' : { rows, isMore: false };
    for (const row of batch.value) {
      if (!selection.matchesRow(row)) continue;
      if (limit > 0 && rows.length === limit) return { rows, isMore: true };
      rows.push(row);
    }
    await clock.turn();
  }
}

/** The rules of the API's concepts page, "Resource versions", for `get` of a list; texts as in apimachinery. */
function parsePlace(query: URLSearchParams, limit: number) {
  checkListOptions(query, false);
  const resourceVersion = parseCount(query, 'resourceVersion');
  const match = query.get('resourceVersionMatch') ?? '';
  const token = query.get('continue') ?? '';
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
