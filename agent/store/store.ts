import { closeSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { codeOf, EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Random } from '../../shared/ports.ts';
import type { MachineMemory } from '../plan/memory.ts';
import type { Store } from '../ports.ts';
import type { Ballast } from './ballast.ts';
import { createBallast } from './ballast.ts';
import { MIGRATIONS } from './migrations.ts';
import { checkPages, holdsAnything, isBroken, moveAside } from './broken-file.ts';
import { createOutbox } from './outbox.ts';
import { createResponses } from './responses.ts';

/**
 * The agent's store in one SQLite file. WAL with full sync: what a transaction wrote is there after a power cut. Where
 * the disk is full, its `ballast` beside it is given up for it. A file that can't be read is moved aside and the store
 * made anew: machines are adopted from their folders, and a box without an agent would run none of them.
 * @throws EffectError `StoreTooNew` where a newer agent has written the file
 */
export function createStore(path: string, random: Random): Store {
  const ballast = createBallast(join(dirname(path), 'ballast'));
  // Only ever made beside a store, the ballast tells that there was one.
  const gone = ballast.isHeld() && !holdsAnything(path) ? `${path} was gone` : undefined;
  const database = withRoom(ballast, () => openOrRenew(path, random, gone));
  ballast.hold();
  const store = createTables(database, random);
  const guarded = Object.entries(store).map(([name, call]: [string, (...given: never[]) => unknown]) => {
    const guard = (...given: never[]) =>
      // A transaction is made again as a whole, so within one nothing is.
      database.inTransaction ? call(...given) : withRoom(ballast, () => call(...given));
    return [name, guard];
  });
  return {
    ...(Object.fromEntries(guarded) as Store),
    acknowledge(sequence) {
      withRoom(ballast, () => store.acknowledge(sequence));
      ballast.hold();
    },
  };
}

/** Runs `work`, and once more with the ballast given up where the disk was full. */
function withRoom<T>(ballast: Ballast, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = codeOf(error) ?? '';
    const isFull = code === 'ENOSPC' || code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR');
    if (!isFull || !ballast.release()) throw error;
    return work();
  }
}

/** Opens the database, or, where what is there is none any more, a new one in its place. */
function openOrRenew(path: string, random: Random, lost: string | undefined): Database.Database {
  try {
    return openDatabase(path, random, lost);
  } catch (error) {
    if (!isBroken(error)) throw error;
    const aside = moveAside(path);
    return openDatabase(
      path,
      random,
      `${path} could not be read (${messageOf(error)}) and is kept as ${aside}`,
    );
  }
}

function openDatabase(path: string, random: Random, lost: string | undefined): Database.Database {
  // Made before SQLite would make it, so that only its owner can read it; the files beside it take its mode.
  closeSync(openSync(path, 'a', 0o600));
  const database = new Database(path);
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('busy_timeout = 5000');
    checkPages(database);
    prepareDatabase(database, path, random, lost);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The store in a SQLite database that is open, which it closes with itself; `name` is for errors. */
export function createStoreIn(database: Database.Database, name: string, random: Random): Store {
  prepareDatabase(database, name, random, undefined);
  return createTables(database, random);
}

/** `lost` is what became of the store before this one, for whoever makes it anew. */
function prepareDatabase(
  database: Database.Database,
  name: string,
  random: Random,
  lost: string | undefined,
): void {
  migrate(database, name);
  database
    .prepare(
      `INSERT INTO identity (only, epoch, connection, next_sequence, acknowledged, link_up, lost)
        SELECT 1, ?, 0, 1, 0, 0, ? WHERE NOT EXISTS (SELECT 1 FROM identity)`,
    )
    .run(random.uuid(), lost ?? null);
}

function createTables(database: Database.Database, random: Random): Store {
  const statements = {
    epoch: database.prepare<[], string>('SELECT epoch FROM identity').pluck(),
    connect: database
      .prepare<[], number>('UPDATE identity SET connection = connection + 1 RETURNING connection')
      .pluck(),
    link: database.prepare<[], { up: number; sinceMs: number | null }>(
      'SELECT link_up AS up, link_since_ms AS sinceMs FROM identity',
    ),
    saveLink: database.prepare('UPDATE identity SET link_up = ?, link_since_ms = ?'),
    desired: database.prepare<[], { generation: number; hash: string }>(
      'SELECT generation, hash FROM desired',
    ),
    saveDesired: database.prepare('INSERT OR REPLACE INTO desired VALUES (1, ?, ?, ?)'),
    machines: database.prepare<[], { uid: string; desired: string; memory: string }>(
      'SELECT uid, desired, memory FROM machines ORDER BY uid',
    ),
    putMachine: database.prepare('INSERT OR REPLACE INTO machines VALUES (?, ?, ?)'),
    deleteMachine: database.prepare('DELETE FROM machines WHERE uid = ?'),
    loss: database.prepare<[], string>('SELECT lost FROM identity WHERE lost IS NOT NULL').pluck(),
    forgetLoss: database.prepare('UPDATE identity SET lost = NULL'),
  };
  const { forgetCount, ...outbox } = createOutbox(database, random);

  /** Entries as they were last parsed. They change seldom and are looked at all the time. */
  const entries = new Map<string, { readonly text: string; readonly entry: unknown }>();
  function parseEntry(uid: string, text: string): unknown {
    const known = entries.get(uid);
    if (known?.text === text) return known.entry;
    const entry = JSON.parse(text) as unknown;
    entries.set(uid, { text, entry });
    return entry;
  }

  return {
    transaction(work) {
      try {
        return database.transaction(work).immediate();
      } catch (error) {
        forgetCount();
        throw error;
      }
    },
    takeLoss() {
      const loss = statements.loss.get();
      if (loss !== undefined) statements.forgetLoss.run();
      return loss;
    },
    epoch: () => statements.epoch.get() ?? '',
    // In a transaction, whose end says so if it could not be written: a statement that returns a row does not.
    nextConnection: () => database.transaction(() => statements.connect.get() ?? 0).immediate(),
    link() {
      const { up = 0, sinceMs = null } = statements.link.get() ?? {};
      return sinceMs === null ? undefined : { up: up === 1, sinceMs };
    },
    saveLink: ({ up, sinceMs }) => void statements.saveLink.run(up ? 1 : 0, sinceMs),
    desired: () => statements.desired.get(),
    saveDesired: (generation, hash, text) => void statements.saveDesired.run(generation, hash, text),
    machines: () =>
      statements.machines.all().map(({ uid, desired, memory }) => ({
        uid,
        desired: parseEntry(uid, desired),
        memory: JSON.parse(memory) as MachineMemory,
      })),
    putMachine: ({ uid, desired, memory }) =>
      void statements.putMachine.run(uid, JSON.stringify(desired), JSON.stringify(memory)),
    deleteMachine(uid) {
      statements.deleteMachine.run(uid);
      entries.delete(uid);
    },
    ...outbox,
    ...createResponses(database),
    close: () => void database.close(),
  };
}

function migrate(database: Database.Database, path: string): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > MIGRATIONS.length) {
    const message = `${path} was written by a newer agent (store version ${version}, known up to ${MIGRATIONS.length})`;
    throw new EffectError('StoreTooNew', path, message);
  }
  if (version === MIGRATIONS.length) return;
  database.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.pragma(`user_version = ${MIGRATIONS.length}`);
  })();
}
