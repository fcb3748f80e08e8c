import type Sqlite from 'better-sqlite3';
import type { SqliteDatabase } from 'kysely';

/** How many statements are kept, and how long their text may be: one with a thousand rows' places comes seldom again. */
const MOST_KEPT = 500;
const LONGEST_KEPT_CHARS = 2_000;

/**
 * A database that prepares each statement once. Kysely hands over text every time, and SQLite would parse and plan it
 * anew: a quarter of what the hub takes of a processor. Only for a schema that changes no more.
 */
export function keepStatements(file: Sqlite.Database): SqliteDatabase {
  const kept = new Map<string, Sqlite.Statement>();
  return {
    prepare(text) {
      const before = kept.get(text);
      if (before !== undefined) return before;
      const statement = file.prepare(text);
      if (text.length > LONGEST_KEPT_CHARS) return statement;
      if (kept.size === MOST_KEPT) kept.clear();
      kept.set(text, statement);
      return statement;
    },
    close: () => void file.close(),
  };
}
