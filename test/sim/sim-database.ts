import Database from 'better-sqlite3';
import type { Life } from './life.ts';

/** What a database lies on. */
export interface SimDisk {
  /** How many more writes there is room for. */
  roomWrites: number;
  /** Called when there was none. */
  readonly refused: () => void;
}

interface GateOptions {
  readonly life: Life;
  readonly disk: SimDisk;
  /** Called when what was written is durable, and before the process can learn of it. */
  readonly committed: () => void;
  /** Called when what was written since the last commit was undone. */
  readonly undone: () => void;
  /** Calls when a part of a transaction begins; the result is to be called where it alone is undone. */
  readonly begun: () => () => void;
}

type AnyStatement = Database.Statement<unknown[], unknown>;

/**
 * A SQLite database as one process has it: the process may crash before and after each write, the disk may be full,
 * and once the process is over nothing of it gets through. What was committed stays for the next one.
 */
export function gateDatabase(raw: Database.Database, options: GateOptions): Database.Database {
  const { life, disk, committed, undone, begun } = options;
  // The hub has the same few statements prepared over and over.
  const prepared = new Map<string, AnyStatement>();
  /** Of the part of a transaction that is under way: parts are not in one another. */
  let undonePart = () => {};
  if (raw.inTransaction) raw.exec('ROLLBACK');

  function write<T>(work: () => T): T {
    life.step();
    if (disk.roomWrites <= 0) {
      disk.refused();
      throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
    }
    disk.roomWrites -= 1;
    const result = work();
    if (!raw.inTransaction) settle();
    return result;
  }

  function settle(): void {
    committed();
    life.step();
  }

  function undo(): void {
    raw.exec('ROLLBACK');
    undone();
  }

  function control(verb: string, sql: string): void {
    if (life.isOver()) life.step();
    if (verb === 'savepoint') {
      raw.exec(sql);
      undonePart = begun();
    } else if (verb === 'release') {
      raw.exec(sql);
    } else if (verb === 'rollback to') {
      raw.exec(sql);
      undonePart();
    } else if (verb === 'commit') {
      write(() => raw.exec('COMMIT'));
    } else if (verb === 'rollback') {
      if (raw.inTransaction) undo();
    } else {
      raw.exec('BEGIN');
    }
  }

  function gateStatement(statement: AnyStatement): AnyStatement {
    const guard =
      <T>(call: (...given: unknown[]) => T) =>
      (...given: unknown[]): T => {
        if (!statement.readonly) return write(() => call(...given));
        if (life.isOver()) life.step();
        return call(...given);
      };
    const gated = {
      reader: statement.reader,
      run: guard((...given) => statement.run(...given)),
      get: guard((...given) => statement.get(...given)),
      all: guard((...given) => statement.all(...given)),
      iterate: guard((...given) => statement.iterate(...given)),
      pluck() {
        statement.pluck();
        return gated;
      },
    };
    return gated as unknown as AnyStatement;
  }

  /** As better-sqlite3 does it: one inside another is undone on its own. */
  function transaction(work: (...given: unknown[]) => unknown) {
    const run = (...given: unknown[]): unknown => {
      if (life.isOver()) life.step();
      if (raw.inTransaction) return runNested(() => work(...given));
      raw.exec('BEGIN IMMEDIATE');
      try {
        const result = work(...given);
        write(() => raw.exec('COMMIT'));
        return result;
      } catch (error) {
        if (raw.inTransaction) undo();
        throw error;
      }
    };
    return Object.assign(run, { immediate: run, deferred: run, exclusive: run, default: run });
  }

  function runNested(work: () => unknown): unknown {
    raw.exec('SAVEPOINT nested');
    try {
      return work();
    } catch (error) {
      if (raw.inTransaction) raw.exec('ROLLBACK TO nested');
      throw error;
    } finally {
      if (raw.inTransaction) raw.exec('RELEASE nested');
    }
  }

  const gated = {
    get inTransaction() {
      return raw.inTransaction;
    },
    prepare(sql: string) {
      const verb = /^\s*(begin|commit|savepoint|release|rollback to|rollback)\b/i.exec(sql)?.[1];
      if (verb === undefined) {
        const statement = prepared.get(sql) ?? gateStatement(raw.prepare(sql) as AnyStatement);
        prepared.set(sql, statement);
        return statement;
      }
      const run = () => {
        control(verb.toLowerCase(), sql);
        return { changes: 0, lastInsertRowid: 0 };
      };
      return { reader: false, run };
    },
    transaction,
    exec: (sql: string) => write(() => raw.exec(sql)),
    pragma: (source: string, pragmaOptions?: Database.PragmaOptions) => raw.pragma(source, pragmaOptions),
    // The next process opens the same one.
    close: () => {},
  };
  return gated as unknown as Database.Database;
}
