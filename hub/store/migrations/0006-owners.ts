import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Which objects are owned by which, and which owners are gone or going, for the garbage collection. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('object_owners')
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('object_owners_key', ['owner', 'kind', 'namespace', 'name'])
    .execute();
  await schema
    .createTable('garbage')
    .addColumn('uid', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .execute();
  await sql`
    insert or ignore into object_owners (owner, kind, namespace, name)
    select json_extract(reference.value, '$.uid'), objects.kind, objects.namespace, objects.name
    from objects, json_each(objects.object, '$.metadata.ownerReferences') as reference
  `.execute(database);
}
