import type { Kysely } from 'kysely';

/** Which machines name which objects, to be found when one of those changes. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('object_references')
    .addColumn('uid', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('target', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('object_references_key', ['uid', 'target'])
    .execute();
  await schema.createIndex('object_references_to').on('object_references').column('target').execute();
}
