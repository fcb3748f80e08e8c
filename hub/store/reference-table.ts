import type { ObjectKey, ReferenceTable, ReferringMachine } from '../ports.ts';
import type { Database } from './schema.ts';

export function createReferenceTable(database: Database): ReferenceTable {
  return {
    async to(key, limit) {
      const query = database
        .selectFrom('object_references')
        .select(['uid', 'kind', 'namespace', 'name'])
        .where('target', '=', textOf(key))
        .orderBy('uid');
      const rows = await (limit === undefined ? query : query.limit(limit)).execute();
      return rows.map(({ uid, kind, namespace, name }): ReferringMachine => ({ uid, kind, namespace, name }));
    },

    async set({ uid, kind, namespace, name }, keys) {
      const wanted = new Set(keys.map(textOf));
      const rows = await database
        .selectFrom('object_references')
        .select('target')
        .where('uid', '=', uid)
        // A uid that comes with another's name (clients write what they like into owner references) changes nothing.
        .where('namespace', '=', namespace)
        .where('name', '=', name)
        .execute();
      const known = new Set(rows.map(({ target }) => target));
      for (const target of [...wanted].filter((one) => !known.has(one))) {
        await database
          .insertInto('object_references')
          .values({ uid, kind, namespace, name, target })
          .execute();
      }
      const dropped = [...known].filter((one) => !wanted.has(one));
      for (const target of dropped) {
        await database
          .deleteFrom('object_references')
          .where('uid', '=', uid)
          .where('target', '=', target)
          .execute();
      }
      return dropped.map(keyOf);
    },
  };
}

/** None of the three has a space in it. */
function textOf({ kind, namespace, name }: ObjectKey): string {
  return `${kind} ${namespace} ${name}`;
}

function keyOf(text: string): ObjectKey {
  const [kind = '', namespace = '', name = ''] = text.split(' ');
  return { kind, namespace, name };
}
