import type { ObjectChange } from '../ports.ts';
import { nextCount, readCounter, setCounter } from './counters.ts';
import type { Database, StoredChange } from './schema.ts';

/** The log of what happened to objects: what lets a watch go on from where it was. */
export interface ChangeLog {
  /** Numbers a change and writes it down. */
  append(change: Omit<ObjectChange, 'resourceVersion'>): Promise<ObjectChange>;
  since(kind: string, resourceVersion: number): Promise<ObjectChange[] | undefined>;
  prune(keep: number): Promise<void>;
}

export function createChangeLog(database: Database): ChangeLog {
  return {
    async append({ type, key, object, previous }) {
      const resourceVersion = await nextCount(database, 'resource_version');
      const metadata = { ...object.metadata, resourceVersion: String(resourceVersion) };
      const change = { resourceVersion, type, key, object: { ...object, metadata } };
      const row = {
        resource_version: resourceVersion,
        type,
        ...key,
        object: JSON.stringify(change.object),
        previous: previous === undefined ? null : JSON.stringify(previous),
      };
      await database.insertInto('changes').values(row).execute();
      return previous === undefined ? change : { ...change, previous };
    },

    async since(kind, resourceVersion) {
      if (resourceVersion < (await readCounter(database, 'changes_pruned_through'))) return undefined;
      const rows = await database
        .selectFrom('changes')
        .selectAll()
        .where('kind', '=', kind)
        .where('resource_version', '>', resourceVersion)
        .orderBy('resource_version')
        .execute();
      return rows.map(readChange);
    },

    async prune(keep) {
      const newestToGo = await database
        .selectFrom('changes')
        .select('resource_version')
        .orderBy('resource_version', 'desc')
        .limit(1)
        .offset(keep)
        .executeTakeFirst();
      if (newestToGo === undefined) return;
      const through = newestToGo.resource_version;
      await database.deleteFrom('changes').where('resource_version', '<=', through).execute();
      await setCounter(database, 'changes_pruned_through', through);
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
