import type { Kysely } from 'kysely';

/** A device's history can be asked for by machine, and objects be forgotten by their age without reading them all. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema.alterTable('timeline').addColumn('machine_name', 'text').execute();
  await schema.createIndex('objects_by_age').on('objects').columns(['kind', 'resource_version']).execute();
}
