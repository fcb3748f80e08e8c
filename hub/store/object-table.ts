import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { ObjectChange, ObjectKey, ObjectTable } from '../ports.ts';
import { createChangeLog } from './change-log.ts';
import { readCounter } from './counters.ts';
import type { Database } from './schema.ts';

/** `record` gets each change as it is written, in order; they count once the transaction is committed. */
export function createObjectTable(database: Database, record: (change: ObjectChange) => void): ObjectTable {
  const log = createChangeLog(database);

  async function get(key: ObjectKey): Promise<ResourceObject | undefined> {
    const row = await database
      .selectFrom('objects')
      .select('object')
      .where('kind', '=', key.kind)
      .where('namespace', '=', key.namespace)
      .where('name', '=', key.name)
      .executeTakeFirst();
    return row === undefined ? undefined : parseObject(row.object);
  }

  return {
    get,

    async list(kind, namespace) {
      let query = database.selectFrom('objects').select('object').where('kind', '=', kind);
      if (namespace !== undefined) query = query.where('namespace', '=', namespace);
      const rows = await query.orderBy('namespace').orderBy('name').execute();
      return rows.map(({ object }) => parseObject(object));
    },

    async count(kind) {
      const { count } = await database
        .selectFrom('objects')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('kind', '=', kind)
        .executeTakeFirstOrThrow();
      return Number(count);
    },

    async oldest(kind, limit) {
      const rows = await database
        .selectFrom('objects')
        .select('object')
        .where('kind', '=', kind)
        .orderBy('resource_version')
        .limit(limit)
        .execute();
      return rows.map(({ object }) => parseObject(object));
    },

    async put(key, object) {
      const previous = await get(key);
      if (previous !== undefined && contentOf(previous) === contentOf(object)) return previous;
      const change = await log.append(
        previous === undefined ? { type: 'ADDED', key, object } : { type: 'MODIFIED', key, object, previous },
      );
      const row = { resource_version: change.resourceVersion, object: JSON.stringify(change.object) };
      await database
        .insertInto('objects')
        .values({ ...key, ...row })
        .onConflict((conflict) => conflict.columns(['kind', 'namespace', 'name']).doUpdateSet(row))
        .execute();
      record(change);
      return parseObject(row.object);
    },

    async remove(key) {
      const previous = await get(key);
      if (previous === undefined) return;
      const change = await log.append({ type: 'DELETED', key, object: previous, previous });
      await database
        .deleteFrom('objects')
        .where('kind', '=', key.kind)
        .where('namespace', '=', key.namespace)
        .where('name', '=', key.name)
        .execute();
      record(change);
    },

    resourceVersion: () => readCounter(database, 'resource_version'),
    changesSince: (kind, resourceVersion) => log.since(kind, resourceVersion),
    pruneChanges: (keep, limit) => log.prune(keep, limit),
  };
}

function parseObject(text: string): ResourceObject {
  return JSON.parse(text) as ResourceObject;
}

/** All of an object but its resource version, so that writing what is there already is no change. */
function contentOf({ metadata, ...rest }: ResourceObject): string {
  return canonicalJson({ ...rest, metadata: { ...metadata, resourceVersion: undefined } });
}
