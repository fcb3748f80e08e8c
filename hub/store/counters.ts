import type { Database, StoredCounter } from './schema.ts';

/** A counter's value; 0 before it was first set. */
export async function readCounter(database: Database, name: StoredCounter['name']): Promise<number> {
  const row = await database
    .selectFrom('counters')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.value ?? 0;
}

export async function setCounter(
  database: Database,
  name: StoredCounter['name'],
  value: number,
): Promise<void> {
  await database
    .insertInto('counters')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}
