import Database from 'better-sqlite3';
import { REASON } from './device.ts';

/** The events of the bench that a hub has committed, counted in its file, and how many of them are there twice. */
export function countReports(file: string): { readonly reports: number; readonly doubled: number } {
  const database = new Database(file, { readonly: true });
  try {
    const { total, distinct } = database
      .prepare<[string], { total: number; distinct: number }>(
        `SELECT count(*) AS total, count(DISTINCT device || ' ' || epoch || ' ' || sequence) AS "distinct"
          FROM timeline WHERE reason = ?`,
      )
      .get(REASON) ?? { total: 0, distinct: 0 };
    return { reports: distinct, doubled: total - distinct };
  } finally {
    database.close();
  }
}
