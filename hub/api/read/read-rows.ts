import type { ObjectRange, ObjectRow, ReadTables } from '../../ports.ts';

/** How many rows are read at a time at most. */
const MOST_AT_ONCE = 1_000;

/** A part of a kind's objects in the state of affairs of one version. */
export interface Snapshot extends ObjectRange {
  readonly kind: string;
  readonly resourceVersion: number;
}

/** Runs what is to be read at a time: in a transaction that is under way, or each time in one of its own. */
export type ReadObjects = <T>(work: (objects: ReadTables['objects']) => Promise<T>) => Promise<T>;

/**
 * A kind's objects as they were at a version, in the order of namespace and name, a batch of them at a time. What has
 * changed since is taken back with what the log says of it; objects that have not changed are read as they are.
 */
export async function* readRows(
  read: ReadObjects,
  snapshot: Snapshot,
  atOnce = MOST_AT_ONCE,
): AsyncGenerator<readonly ObjectRow[], 'read' | 'forgotten'> {
  let { after } = snapshot;
  for (;;) {
    const batch = await read((objects) =>
      readBatch(objects, { ...snapshot, after }, Math.min(atOnce, MOST_AT_ONCE)),
    );
    if (batch === undefined) return 'forgotten';
    yield batch.rows;
    if (batch.last === undefined) return 'read';
    after = batch.last;
  }
}

interface Batch {
  readonly rows: readonly ObjectRow[];
  /** Where the next one goes on; undefined after the last. */
  readonly last: ObjectRow | undefined;
}

async function readBatch(
  objects: ReadTables['objects'],
  { kind, resourceVersion, ...range }: Snapshot,
  limit: number,
): Promise<Batch | undefined> {
  const rows = await objects.page(kind, { ...range, limit });
  const last = rows.length < limit ? undefined : rows.at(-1);
  if (resourceVersion === (await objects.resourceVersion())) return { rows, last };
  const past = await objects.pastRows(kind, resourceVersion, range);
  if (past === undefined) return undefined;
  const changed = new Set(past.map(idOf));
  const before = past.filter((row): row is ObjectRow => {
    return row.text !== undefined && (last === undefined || !isAfter(row, last));
  });
  const unchanged = rows.filter((row) => !changed.has(idOf(row)));
  return { rows: [...unchanged, ...before].sort((a, b) => (isAfter(a, b) ? 1 : -1)), last };
}

type Place = Pick<ObjectRow, 'namespace' | 'name'>;

function idOf({ namespace, name }: Place): string {
  return `${namespace}/${name}`;
}

function isAfter(a: Place, b: Place): boolean {
  return a.namespace === b.namespace ? a.name > b.name : a.namespace > b.namespace;
}
