import type { ObjectChange, ObjectTable } from '../ports.ts';
import { readCounter, setCounter } from './counters.ts';
import { insertChange, nextCount } from './hot-statements.ts';
import { isWithin } from './object-range.ts';
import type { Database, StoredChange } from './schema.ts';

/** The log of what happened to objects: what lets a watch go on from where it was. */
export interface ChangeLog {
  /** Numbers a change and writes it down; `previousText` is its `previous` as it was stored, or null. */
  append(
    change: Omit<ObjectChange, 'resourceVersion'>,
    previousText: string | null,
  ): Promise<{
    readonly change: ObjectChange;
    /** Its object, as it is to be stored. */
    readonly text: string;
  }>;
  since: ObjectTable['changesSince'];
  pastRows: ObjectTable['pastRows'];
  /** Forgets at most `limit` of all but the newest `keep`; the result is how many. */
  prune(keep: number, limit: number): Promise<number>;
}

export function createChangeLog(database: Database): ChangeLog {
  const isForgotten = async (resourceVersion: number) =>
    resourceVersion < (await readCounter(database, 'changes_pruned_through'));

  return {
    async append({ type, key, object, previous }, previousText) {
      const resourceVersion = await nextCount(database, 'resource_version');
      const metadata = { ...object.metadata, resourceVersion: String(resourceVersion) };
      const change = { resourceVersion, type, key, object: { ...object, metadata } };
      const text = JSON.stringify(change.object);
      const row = { resource_version: resourceVersion, type, ...key, object: text, previous: previousText };
      await insertChange(database, row);
      return { change: previous === undefined ? change : { ...change, previous }, text };
    },

    async since(kind, resourceVersion, limit) {
      if (await isForgotten(resourceVersion)) return undefined;
      const rows = await database
        .selectFrom('changes')
        .selectAll()
        .where('kind', '=', kind)
        .where('resource_version', '>', resourceVersion)
        .orderBy('resource_version')
        .limit(limit)
        .execute();
      return rows.map(readChange);
    },

    async pastRows(kind, resourceVersion, range) {
      if (await isForgotten(resourceVersion)) return undefined;
      const first = database
        .selectFrom('changes')
        .select(({ fn }) => fn.min('resource_version').as('first'))
        .where('kind', '=', kind)
        .where('resource_version', '>', resourceVersion)
        .where(isWithin(range));
      const rows = await database
        .selectFrom('changes')
        .select(['namespace', 'name', 'previous'])
        .where('resource_version', 'in', first.groupBy(['namespace', 'name']))
        .orderBy('namespace')
        .orderBy('name')
        .execute();
      return rows.map(({ previous, ...place }) => ({
        ...place,
        ...(previous !== null && { text: previous }),
      }));
    },

    async prune(keep, limit) {
      const newestToGo = await database
        .selectFrom('changes')
        .select('resource_version')
        .orderBy('resource_version', 'desc')
        .limit(1)
        .offset(keep)
        .executeTakeFirst();
      if (newestToGo === undefined) return 0;
      const going = await database
        .selectFrom('changes')
        .select('resource_version')
        .where('resource_version', '<=', newestToGo.resource_version)
        .orderBy('resource_version')
        .limit(limit)
        .execute();
      const through = going.at(-1)?.resource_version;
      if (through === undefined) return 0;
      await database.deleteFrom('changes').where('resource_version', '<=', through).execute();
      await setCounter(database, 'changes_pruned_through', through);
      return going.length;
    },
  };
}

function readChange(row: StoredChange): ObjectChange {
  return {
    resourceVersion: row.resource_version,
    type: row.type,
    key: { kind: row.kind, namespace: row.namespace, name: row.name },
    object: JSON.parse(row.object) as ObjectChange['object'],
    ...(row.previous !== null && { previous: JSON.parse(row.previous) as ObjectChange['object'] }),
  };
}
