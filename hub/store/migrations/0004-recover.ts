import type { Kysely } from 'kysely';
import type { Schema } from '../schema.ts';

/** Whose word a machine's status is, and why the machine is held back. What is held is kept as one text. */
export async function up(database: Kysely<Schema>): Promise<void> {
  const { schema } = database;
  await schema.alterTable('machines').addColumn('reported_epoch', 'text').execute();
  await schema.alterTable('machines').addColumn('held_back', 'text').execute();
  // In another form than before; a device that has not told all of it is asked for all of it again.
  await database.deleteFrom('held').execute();
}
