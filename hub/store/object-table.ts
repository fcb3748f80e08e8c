import { isSameJson } from '../../shared/base/same-json.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { ObjectChange, ObjectKey, ObjectTable } from '../ports.ts';
import { createChangeLog } from './change-log.ts';
import { isWithin } from './object-range.ts';
import { readCounter } from './counters.ts';
import { selectObject, upsertObject } from './hot-statements.ts';
import { noteOwners } from './owner-table.ts';
import type { Database } from './schema.ts';

/**
 * For one transaction. `record` gets each change as it is written, in order; they count once the transaction is
 * committed.
 */
export function createObjectTable(database: Database, record: (change: ObjectChange) => void): ObjectTable {
  const log = createChangeLog(database);

  /** The texts of objects that this transaction has seen, as it left them: much of it looks at the same few again. */
  const seen = new Map<string, string | undefined>();
  const idOf = ({ kind, namespace, name }: ObjectKey) => `${kind} ${namespace} ${name}`;

  async function readText(key: ObjectKey): Promise<string | undefined> {
    const id = idOf(key);
    if (seen.has(id)) return seen.get(id);
    const text = await selectObject(database, key);
    seen.set(id, text);
    return text;
  }

  async function get(key: ObjectKey): Promise<ResourceObject | undefined> {
    const text = await readText(key);
    // Each time anew, so that nobody has an object that another changes.
    return text === undefined ? undefined : parseObject(text);
  }

  return {
    get,

    async row(key) {
      const text = await readText(key);
      return text === undefined ? undefined : { namespace: key.namespace, name: key.name, text };
    },

    async list(kind, namespace) {
      let query = database.selectFrom('objects').select('object').where('kind', '=', kind);
      if (namespace !== undefined) query = query.where('namespace', '=', namespace);
      const rows = await query.orderBy('namespace').orderBy('name').execute();
      return rows.map(({ object }) => parseObject(object));
    },

    async page(kind, { limit, ...range }) {
      return database
        .selectFrom('objects')
        .select(['namespace', 'name', 'object as text'])
        .where('kind', '=', kind)
        .where(isWithin(range))
        .orderBy('namespace')
        .orderBy('name')
        .limit(limit)
        .execute();
    },

    async count(kind, namespace) {
      let query = database
        .selectFrom('objects')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('kind', '=', kind);
      if (namespace !== undefined) query = query.where('namespace', '=', namespace);
      const { count } = await query.executeTakeFirstOrThrow();
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
      const previousText = await readText(key);
      const previous = previousText === undefined ? undefined : parseObject(previousText);
      if (previous !== undefined && isSameContent(previous, object)) return previous;
      const { change, text } = await log.append(
        previous === undefined ? { type: 'ADDED', key, object } : { type: 'MODIFIED', key, object, previous },
        previousText ?? null,
      );
      await upsertObject(database, key, change.resourceVersion, text);
      seen.set(idOf(key), text);
      await noteOwners(database, key, previous, object);
      record(change);
      return parseObject(text);
    },

    async remove(key) {
      const text = await readText(key);
      if (text === undefined) return;
      const previous = parseObject(text);
      const { change } = await log.append({ type: 'DELETED', key, object: previous, previous }, text);
      await database
        .deleteFrom('objects')
        .where('kind', '=', key.kind)
        .where('namespace', '=', key.namespace)
        .where('name', '=', key.name)
        .execute();
      seen.set(idOf(key), undefined);
      await noteOwners(database, key, previous, undefined);
      record(change);
    },

    resourceVersion: () => readCounter(database, 'resource_version'),
    changesSince: (kind, resourceVersion, limit) => log.since(kind, resourceVersion, limit),
    pastRows: (kind, resourceVersion, range) => log.pastRows(kind, resourceVersion, range),
    pruneChanges: (keep, limit) => log.prune(keep, limit),
  };
}

function parseObject(text: string): ResourceObject {
  return JSON.parse(text) as ResourceObject;
}

/** Whether all but the resource version is the same, so that writing what is there already is no change. */
function isSameContent({ metadata, ...rest }: ResourceObject, other: ResourceObject): boolean {
  const { metadata: otherMetadata, ...otherRest } = other;
  const resourceVersion = undefined;
  return (
    isSameJson({ ...metadata, resourceVersion }, { ...otherMetadata, resourceVersion }) &&
    isSameJson(rest, otherRest)
  );
}
