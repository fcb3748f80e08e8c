import { existsSync, renameSync, rmSync, statSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type Database from 'better-sqlite3';
import { codeOf } from '../../shared/base/errors.ts';

/** A store whose file a power cut or a dying disk has taken. */

/** What SQLite keeps beside a database. */
const COMPANIONS = ['', '-wal', '-shm'];
/** How many broken files are kept: enough for someone to look at, and not the whole disk of a box that dies slowly. */
const MOST_KEPT = 3;
/** SQLite's result codes for a file that is no database (any more), or that the disk does not give back. */
const BROKEN = /^SQLITE_(NOTADB|CORRUPT.*|IOERR_(READ|SHORT_READ|CORRUPTFS|DATA))$/;

export function isBroken(error: unknown): boolean {
  return BROKEN.test(codeOf(error) ?? '');
}

/**
 * Reads every page once: one that is broken would otherwise be met in the middle of something.
 * @throws SqliteError `SQLITE_CORRUPT`
 */
export function checkPages(database: Database.Database): void {
  const found = String(database.pragma('quick_check(1)', { simple: true }));
  if (found !== 'ok') throw Object.assign(new Error(found), { code: 'SQLITE_CORRUPT' });
}

export function holdsAnything(path: string): boolean {
  return existsSync(path) && statSync(path).size > 0;
}

/** Renames a broken database to `<path>.corrupt-<n>`, which is the result; of many, the newest are kept. */
export function moveAside(path: string): string {
  const prefix = `${basename(path)}.corrupt-`;
  const numbers = readdirSync(dirname(path))
    .flatMap((name) => (name.startsWith(prefix) ? [Number(name.slice(prefix.length))] : []))
    .filter(Number.isInteger);
  const aside = (number: number) => join(dirname(path), `${prefix}${number}`);
  const number = Math.max(0, ...numbers) + 1;
  for (const companion of COMPANIONS) {
    if (existsSync(path + companion)) renameSync(path + companion, aside(number) + companion);
    for (const old of numbers.filter((one) => one <= number - MOST_KEPT)) {
      rmSync(aside(old) + companion, { force: true });
    }
  }
  return aside(number);
}
