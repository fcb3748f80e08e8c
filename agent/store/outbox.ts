import type Database from 'better-sqlite3';
import type { Report, ReportBody } from '../../shared/protocol/messages.ts';
import { compileBody } from '../../shared/protocol/report-body.ts';
import type { Random } from '../../shared/ports.ts';
import type { Happening, Store } from '../ports.ts';
import { createDropped } from './dropped.ts';

/** How many reports wait at most. A box with ten machines and a bad week writes a few thousand. */
const MOST_PENDING = 100_000;
/** How many of them are figures of the box: a week of them, at one every six hours. */
const MOST_METRICS = 28;
/** What one report may add to a message beside its body, in bytes. */
const ENVELOPE_BYTES = 256;
/** Figures go by this subject, and yet displace none; events have none. */
const METRICS = 'metrics';

interface Row {
  id: number;
  body: string;
  happened_at_ms: number;
  monotonic_ms: number;
  boot_id: string;
}

/** Where the stream stands. */
interface Stream {
  /** The highest number acknowledged. */
  acknowledged: number;
  /** The number that the next report to be numbered gets. */
  next: number;
  /** The row with the highest number given out, 0 where no row has one. */
  through: number;
}

type Outbox = Pick<
  Store,
  | 'appendEvent'
  | 'putStatus'
  | 'appendMetrics'
  | 'reportsAfter'
  | 'acknowledge'
  | 'acknowledged'
  | 'pendingReports'
  | 'nextSequence'
  | 'renewEpoch'
> & {
  /** To be called where a transaction was undone: what is known of the tables no longer holds. */
  readonly forgetCount: () => void;
};

/**
 * Reports in the order in which things happened. A report gets its number when it is first sent: until then a
 * newer status of the same subject takes its place, so that numbers have no gaps and a long outage no ballast.
 *
 * Numbers are not stored with reports. The oldest row is always the one after the last acknowledged, so that a row's
 * place tells its number, and to number rows is to write down how far that went.
 */
export function createOutbox(database: Database.Database, random: Random): Outbox {
  const dropped = createDropped(database);
  const insert = database.prepare(
    'INSERT INTO reports (subject, body, happened_at_ms, monotonic_ms, boot_id) VALUES (?, ?, ?, ?, ?)',
  );
  const displace = database.prepare('DELETE FROM reports WHERE subject = ? AND id > ?');
  const countAll = database.prepare<[], number>('SELECT count(*) FROM reports').pluck();
  const countMetrics = database
    .prepare<[string, number], number>('SELECT count(*) FROM reports WHERE subject = ? AND id > ?')
    .pluck();
  const oldestMetrics = database.prepare<[string, number], Row>(
    'SELECT * FROM reports WHERE subject = ? AND id > ? ORDER BY id LIMIT 1',
  );
  const oldestEvent = database.prepare<[number], Row>(
    'SELECT * FROM reports NOT INDEXED WHERE subject IS NULL AND id > ? ORDER BY id LIMIT 1',
  );
  const remove = database.prepare('DELETE FROM reports WHERE id = ?');
  const rows = database.prepare<[number], Row>('SELECT * FROM reports ORDER BY id LIMIT -1 OFFSET ?');
  const stream = database.prepare<[], Stream>(
    'SELECT acknowledged, next_sequence AS next, numbered_through AS through FROM identity',
  );
  const saveNumbered = database.prepare('UPDATE identity SET next_sequence = ?, numbered_through = ?');
  const forget = database.prepare(
    'DELETE FROM reports WHERE id IN (SELECT id FROM reports ORDER BY id LIMIT ?)',
  );
  const saveAcknowledged = database.prepare('UPDATE identity SET acknowledged = ?, numbered_through = ?');
  const startEpoch = database.prepare(
    'UPDATE identity SET epoch = ?, acknowledged = 0, next_sequence = 1, numbered_through = 0',
  );

  /** How many rows there are: looking takes longer than writing one. */
  let known: number | undefined;
  const pending = () => (known ??= countAll.get() ?? 0);
  const note = (change: number) => {
    if (known !== undefined) known += change;
  };
  /** A transaction; what is known of the tables is forgotten where it is undone. */
  const atomically = <T>(work: () => T): T => {
    try {
      return database.transaction(work).immediate();
    } catch (error) {
      known = undefined;
      throw error;
    }
  };
  const at = (): Stream => stream.get() ?? { acknowledged: 0, next: 1, through: 0 };

  const append = (subject: string | null, body: ReportBody, { atMs, monotonicMs, bootId }: Happening) => {
    const about = subject ?? (body.kind === 'event' ? `the event ${body.reason}` : body.kind);
    const text = compileBody(about, body);
    insert.run(subject, text, Math.round(atMs), Math.round(monotonicMs), bootId);
    note(1);
  };

  function drop(what: 'events' | 'metrics', row: Row, happening: Happening): void {
    remove.run(row.id);
    note(-1);
    dropped.count(what, row.happened_at_ms, happening);
  }

  /**
   * Whether there is room for one more: made by dropping the oldest figures, then the oldest event. What has a number
   * is not dropped, or there would be a gap; nor a status, since each is of another subject.
   */
  function makeRoom(happening: Happening): boolean {
    if (pending() < MOST_PENDING) return true;
    const { through } = at();
    const metrics = oldestMetrics.get(METRICS, through);
    const row = metrics ?? oldestEvent.get(through);
    if (row === undefined) return false;
    drop(metrics === undefined ? 'events' : 'metrics', row, happening);
    return true;
  }

  function boundMetrics(happening: Happening): void {
    const { through } = at();
    if ((countMetrics.get(METRICS, through) ?? 0) < MOST_METRICS) return;
    const row = oldestMetrics.get(METRICS, through);
    if (row !== undefined) drop('metrics', row, happening);
  }

  /** What was dropped is told once, when reports next go out. */
  function tellDropped(): void {
    for (const { body, happening } of dropped.take()) append(null, body, happening);
  }

  function numberWithin(after: number, maxBytes: number): Report[] {
    tellDropped();
    const { acknowledged, next, through } = at();
    const first = Math.min(Math.max(after, acknowledged), next - 1) + 1;
    const reports: Report[] = [];
    let bytes = 0;
    let last = through;
    for (const row of rows.iterate(first - 1 - acknowledged)) {
      bytes += Buffer.byteLength(row.body) + ENVELOPE_BYTES;
      if (reports.length > 0 && bytes > maxBytes) break;
      reports.push(toReport(row, first + reports.length));
      last = Math.max(last, row.id);
    }
    if (last > through) saveNumbered.run(first + reports.length, last);
    return reports;
  }

  return {
    appendEvent(body, happening) {
      // Of one statement as a rule, it needs no transaction of its own.
      if (pending() < MOST_PENDING) return append(null, body, happening);
      atomically(() => {
        if (makeRoom(happening)) append(null, body, happening);
        else dropped.count('events', Math.round(happening.atMs), happening);
      });
    },
    putStatus: (subject, body, happening) =>
      atomically(() => {
        const { changes } = displace.run(subject, at().through);
        note(-changes);
        if (changes === 0) makeRoom(happening);
        append(subject, body, happening);
      }),
    appendMetrics: (metrics, happening) =>
      atomically(() => {
        boundMetrics(happening);
        if (makeRoom(happening)) append(METRICS, { kind: 'metrics', metrics }, happening);
        else dropped.count('metrics', Math.round(happening.atMs), happening);
      }),
    reportsAfter: (sequence, maxBytes) => atomically(() => numberWithin(sequence, maxBytes)),
    acknowledge: (sequence) =>
      atomically(() => {
        const { acknowledged, next, through } = at();
        if (sequence <= acknowledged || sequence >= next) return;
        note(-forget.run(sequence - acknowledged).changes);
        // With the last row gone, SQLite begins their ids anew.
        saveAcknowledged.run(sequence, sequence === next - 1 ? 0 : through);
      }),
    acknowledged: () => at().acknowledged,
    pendingReports: pending,
    nextSequence: () => at().next,
    renewEpoch: () => void startEpoch.run(random.uuid()),
    forgetCount() {
      known = undefined;
    },
  };
}

function toReport(row: Row, sequence: number): Report {
  return {
    sequence,
    happenedAt: new Date(row.happened_at_ms).toISOString(),
    monotonicMs: row.monotonic_ms,
    bootId: row.boot_id,
    body: JSON.parse(row.body) as unknown,
  };
}
