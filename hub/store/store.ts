import { closeSync, openSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import type { ObjectChange, Store, Tables } from '../ports.ts';
import { readCounter, setCounter } from './counters.ts';
import { createDeviceTable } from './device-table.ts';
import { createDocumentTable } from './document-table.ts';
import { createHeldTable } from './held-table.ts';
import { keepStatements } from './kept-statements.ts';
import { createMachineTable } from './machine-table.ts';
import { migrate } from './migrate.ts';
import { createObjectTable } from './object-table.ts';
import { createOwnerTable } from './owner-table.ts';
import { createReferenceTable } from './reference-table.ts';
import type { Database, Schema } from './schema.ts';
import { createSharedCommits } from './shared-commits.ts';
import { createStreamTable } from './stream-table.ts';
import { createTimelineTable } from './timeline-table.ts';

/** How long to wait for another process (a backup, a shell) that has the file locked. */
const BUSY_TIMEOUT_MS = 10_000;

/**
 * Opens the hub's store, a SQLite file, and brings its tables up to date; `:memory:` gives one that is gone with
 * the process. What a transaction has resolved for survives a power cut.
 * @throws EffectError `StoreTooNew` where a newer version of Holdfast has written the file
 */
export async function createStore(path: string): Promise<Store> {
  // Made before SQLite would make it, so that only its owner can read it; the files beside it take its mode.
  if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
  const file = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    file.pragma('journal_mode = WAL');
    file.pragma('synchronous = FULL');
    return await createStoreIn(file, path, nextTurn, openReader(path));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A connection of its own, which sees what is committed and waits for no transaction; a store in memory has none. */
function openReader(path: string): (() => Sqlite.Database) | undefined {
  return path === ':memory:'
    ? undefined
    : () => new Sqlite(path, { timeout: BUSY_TIMEOUT_MS, readonly: true });
}

/** Resolves when what has come in over sockets meanwhile has been taken up. */
async function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The store in a SQLite database that is open, which it closes with itself; `name` is for errors, `turn` what is awaited
 * before a commit is begun that others may join, and `openReading` gives a second connection to the same file.
 */
export async function createStoreIn(
  file: Sqlite.Database,
  name: string,
  turn: () => Promise<void>,
  openReading?: () => Sqlite.Database,
): Promise<Store> {
  file.pragma('foreign_keys = ON');
  await migrate(new Kysely<Schema>({ dialect: new SqliteDialect({ database: file }) }), name);
  const database = new Kysely<Schema>({ dialect: new SqliteDialect({ database: keepStatements(file) }) });

  const reading = openReading?.();
  const reader =
    reading && new Kysely<Schema>({ dialect: new SqliteDialect({ database: keepStatements(reading) }) });

  const listeners = new Set<(change: ObjectChange) => void>();
  const commits = createSharedCommits(database, turn);

  return {
    async transaction(work) {
      const changes: ObjectChange[] = [];
      return commits.run({
        work: (transaction) => work(createTables(transaction, (change) => changes.push(change))),
        committed() {
          for (const change of changes) for (const listener of listeners) listener(change);
        },
      });
    },

    async read(work) {
      if (reader === undefined)
        return commits.run({ work: (transaction) => work(readTables(transaction)), committed: () => {} });
      return reader.transaction().execute((transaction) => work(readTables(transaction)));
    },

    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async close() {
      await commits.idle();
      await reader?.destroy();
      await database.destroy();
    },
  };
}

/** Nobody writes there, and so there is nothing to be recorded. */
function readTables(database: Database): Tables {
  return createTables(database, () => {});
}

function createTables(database: Database, record: (change: ObjectChange) => void): Tables {
  return {
    objects: createObjectTable(database, record),
    machines: createMachineTable(database),
    devices: createDeviceTable(database),
    documents: createDocumentTable(database),
    streams: createStreamTable(database),
    held: createHeldTable(database),
    references: createReferenceTable(database),
    owners: createOwnerTable(database),
    timeline: createTimelineTable(database),
    progress: {
      get: (name) => readCounter(database, name),
      set: (name, value) => setCounter(database, name, value),
    },
  };
}
