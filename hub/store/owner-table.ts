import { GARBAGE_FINALIZERS } from '../../shared/model/metadata.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { GarbageOwner, ObjectKey, OwnerTable } from '../ports.ts';
import type { Database } from './schema.ts';

export function createOwnerTable(database: Database): OwnerTable {
  return {
    async dependents(uid, limit) {
      return database
        .selectFrom('object_owners')
        .select(['kind', 'namespace', 'name'])
        .where('owner', '=', uid)
        .orderBy('kind')
        .orderBy('namespace')
        .orderBy('name')
        .limit(limit)
        .execute();
    },

    async garbage() {
      return database.selectFrom('garbage').selectAll().orderBy('uid').execute();
    },

    async settle(uid) {
      await database.deleteFrom('garbage').where('uid', '=', uid).execute();
    },
  };
}

/** Keeps what is known of owners up with an object that is written, or removed where there is no `next`. */
export async function noteOwners(
  database: Database,
  key: ObjectKey,
  previous: ResourceObject | undefined,
  next: ResourceObject | undefined,
): Promise<void> {
  const before = ownersOf(previous);
  const after = ownersOf(next);
  for (const owner of after.filter((uid) => !before.includes(uid))) {
    await database
      .insertInto('object_owners')
      .values({ owner, ...key })
      .execute();
  }
  for (const owner of before.filter((uid) => !after.includes(uid))) {
    await database
      .deleteFrom('object_owners')
      .where('owner', '=', owner)
      .where('kind', '=', key.kind)
      .where('namespace', '=', key.namespace)
      .where('name', '=', key.name)
      .execute();
  }
  const { uid } = (next ?? previous)?.metadata ?? {};
  if (uid === undefined) return;
  const isGarbage = next === undefined ? await isOwner(database, uid) : isGoing(next) && !isGoing(previous);
  if (isGarbage) await addGarbage(database, { uid, ...key });
}

/** Whether an object waits for what it owns, or for that to be let go. */
function isGoing(object: ResourceObject | undefined): boolean {
  const { deletionTimestamp, finalizers } = object?.metadata ?? {};
  return (
    typeof deletionTimestamp === 'string' &&
    (finalizers ?? []).some((one) => GARBAGE_FINALIZERS.includes(one))
  );
}

function ownersOf(object: ResourceObject | undefined): string[] {
  return [...new Set((object?.metadata.ownerReferences ?? []).map(({ uid }) => uid))];
}

async function isOwner(database: Database, uid: string): Promise<boolean> {
  const row = await database
    .selectFrom('object_owners')
    .select('name')
    .where('owner', '=', uid)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function addGarbage(database: Database, owner: GarbageOwner): Promise<void> {
  await database
    .insertInto('garbage')
    .values(owner)
    .onConflict((conflict) => conflict.column('uid').doNothing())
    .execute();
}
