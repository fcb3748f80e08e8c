import type { Kysely } from 'kysely';

/** Types that SQLite and PostgreSQL both have: `bigint` is an integer of 64 bits in either. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('objects')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('resource_version', 'bigint', (column) => column.notNull())
    .addColumn('object', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('objects_key', ['kind', 'namespace', 'name'])
    .execute();

  await schema
    .createTable('changes')
    .addColumn('resource_version', 'bigint', (column) => column.primaryKey().notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('object', 'text', (column) => column.notNull())
    .addColumn('previous', 'text')
    .execute();
  await schema.createIndex('changes_of_kind').on('changes').columns(['kind', 'resource_version']).execute();

  await schema
    .createTable('counters')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('value', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('machines')
    .addColumn('uid', 'text', (column) => column.primaryKey().notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('removing', 'integer', (column) => column.notNull())
    .addColumn('status', 'text')
    .addColumn('reported_at_ms', 'bigint')
    .execute();
  await schema.createIndex('machines_of_device').on('machines').column('device').execute();

  await schema
    .createTable('devices')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('epoch', 'text', (column) => column.notNull())
    .addColumn('connection', 'bigint', (column) => column.notNull())
    .addColumn('acknowledged', 'bigint', (column) => column.notNull())
    .addColumn('presence', 'text', (column) => column.notNull())
    .addColumn('presence_since_ms', 'bigint', (column) => column.notNull())
    .addColumn('generation', 'bigint', (column) => column.notNull())
    .addColumn('desired_text', 'text', (column) => column.notNull())
    .addColumn('desired_hash', 'text', (column) => column.notNull())
    .addColumn('held_generation', 'bigint', (column) => column.notNull())
    .addColumn('problems', 'text', (column) => column.notNull())
    .addColumn('reported_at_ms', 'bigint')
    .execute();
}
