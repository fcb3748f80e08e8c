import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { Migrator } from 'kysely/migration';
import { EffectError } from '../../shared/base/errors.ts';
import * as initial from './migrations/0001-initial.ts';
import * as link from './migrations/0002-link.ts';
import * as history from './migrations/0003-history.ts';
import * as recover from './migrations/0004-recover.ts';
import * as references from './migrations/0005-references.ts';
import * as owners from './migrations/0006-owners.ts';
import type { Database } from './schema.ts';

/** Every migration, by the name under which a store remembers it. Names sort in the order of running. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-initial': initial,
  '0002-link': link,
  '0003-history': history,
  '0004-recover': recover,
  '0005-references': references,
  '0006-owners': owners,
};

/**
 * Brings the store at `path` up to what this version expects.
 * @throws EffectError `StoreTooNew` where a newer version has written it, `StoreUnreadable` where it is none of ours
 */
export async function migrate(database: Database, path: string): Promise<void> {
  const unknown = (await appliedMigrations(database)).filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) {
    throw new EffectError(
      'StoreTooNew',
      path,
      `the store ${path} was written by a newer version of Holdfast (it has ${unknown.join(', ')}): ` +
        'run that version, or restore a backup from before it',
    );
  }
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new EffectError('StoreUnreadable', path, `the store ${path} could not be prepared`, error);
  }
}

async function appliedMigrations(database: Database): Promise<string[]> {
  const tables = await database.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === 'kysely_migration')) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
    database,
  );
  return rows.map(({ name }) => name);
}
