import { sql } from 'kysely';
import type { ObjectKey } from '../ports.ts';
import type { Database, StoredChange, StoredCounter } from './schema.ts';

/**
 * What each write of an object does, written out: Kysely would build and print it anew every time, which takes longer
 * than SQLite takes to do it. As in the rest of the store, PostgreSQL reads it too.
 */

/** The text of an object as it is stored. */
export async function selectObject(
  database: Database,
  { kind, namespace, name }: ObjectKey,
): Promise<string | undefined> {
  const { rows } = await sql<{ object: string }>`
    select object from objects
    where kind = ${kind} and namespace = ${namespace} and name = ${name}
  `.execute(database);
  return rows[0]?.object;
}

/** Stores an object's text in place of what is there. */
export async function upsertObject(
  database: Database,
  { kind, namespace, name }: ObjectKey,
  resourceVersion: number,
  text: string,
): Promise<void> {
  await sql`
    insert into objects (kind, namespace, name, resource_version, object)
    values (${kind}, ${namespace}, ${name}, ${resourceVersion}, ${text})
    on conflict (kind, namespace, name)
    do update set resource_version = excluded.resource_version, object = excluded.object
  `.execute(database);
}

export async function insertChange(database: Database, change: StoredChange): Promise<void> {
  const { resource_version: resourceVersion, type, kind, namespace, name, object, previous } = change;
  await sql`
    insert into changes (resource_version, type, kind, namespace, name, object, previous)
    values (${resourceVersion}, ${type}, ${kind}, ${namespace}, ${name}, ${object}, ${previous})
  `.execute(database);
}

/** Raises a counter by one and returns it. */
export async function nextCount(database: Database, name: StoredCounter['name']): Promise<number> {
  const { rows } = await sql<{ value: number }>`
    insert into counters (name, value) values (${name}, 1)
    on conflict (name) do update set value = counters.value + 1
    returning value
  `.execute(database);
  const [row] = rows;
  if (row === undefined) throw new Error(`the counter ${name} was raised and has no value`);
  return row.value;
}
