import type Database from 'better-sqlite3';
import type { EventBody, Report, ReportBody } from '../../shared/protocol/messages.ts';
import { packBody } from '../../shared/protocol/report-body.ts';
import type { Random } from '../../shared/ports.ts';
import type { Happening, Store } from '../ports.ts';

/** How many reports wait at most. A box with ten machines and a bad week writes a few thousand. */
const MOST_PENDING = 100_000;
/** What one report may add to a message beside its body, in bytes. */
const ENVELOPE_BYTES = 256;

interface Row {
  id: number;
  sequence: number | null;
  body: string;
  happened_at_ms: number;
  monotonic_ms: number;
  boot_id: string;
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
>;

/**
 * Reports in the order in which things happened. A report gets its number when it is first sent: until then a
 * newer status of the same subject takes its place, so that numbers have no gaps and a long outage no ballast.
 */
export function createOutbox(database: Database.Database, random: Random): Outbox {
  const insert = database.prepare(
    'INSERT INTO outbox (subject, body, happened_at_ms, monotonic_ms, boot_id) VALUES (?, ?, ?, ?, ?)',
  );
  // Left to choose, SQLite takes the index on `sequence` here, and walks through everything unsent.
  const displace = database.prepare(
    'DELETE FROM outbox INDEXED BY outbox_unsent_subject WHERE subject = ? AND sequence IS NULL',
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM outbox').pluck();
  const dropOldest = database.prepare(
    `DELETE FROM outbox WHERE id = (
      SELECT min(id) FROM outbox INDEXED BY outbox_unsent_subject WHERE sequence IS NULL AND subject IS NULL)`,
  );
  const countDropped = database.prepare('UPDATE identity SET dropped = dropped + ?');
  const takeDropped = database.prepare<[], number>('SELECT dropped FROM identity WHERE dropped > 0').pluck();
  const forgetDropped = database.prepare('UPDATE identity SET dropped = 0');
  const numbered = database.prepare<[number], Row>(
    'SELECT * FROM outbox WHERE sequence > ? ORDER BY sequence',
  );
  const unnumbered = database.prepare<[], Row>(
    'SELECT * FROM outbox WHERE sequence IS NULL ORDER BY id LIMIT 500',
  );
  const takeNumber = database
    .prepare<[], number>('UPDATE identity SET next_sequence = next_sequence + 1 RETURNING next_sequence - 1')
    .pluck();
  const number = database.prepare('UPDATE outbox SET sequence = ? WHERE id = ?');
  const nextNumber = database.prepare<[], number>('SELECT next_sequence FROM identity').pluck();
  const unnumber = database.prepare('UPDATE outbox SET sequence = NULL');
  const startEpoch = database.prepare('UPDATE identity SET epoch = ?, acknowledged = 0, next_sequence = 1');
  const forget = database.prepare('DELETE FROM outbox WHERE sequence <= ?');
  const raiseAcknowledged = database.prepare('UPDATE identity SET acknowledged = max(acknowledged, ?)');
  const acknowledged = database.prepare<[], number>('SELECT acknowledged FROM identity').pluck();

  const append = (subject: string | null, body: ReportBody, { atMs, monotonicMs, bootId }: Happening) =>
    insert.run(subject, JSON.stringify(body), Math.round(atMs), Math.round(monotonicMs), bootId);

  /** Tells of events that were dropped, once there is room to say so. */
  function reportDropped(happening: Happening): void {
    const dropped = takeDropped.get();
    if (dropped === undefined) return;
    forgetDropped.run();
    const message = `${dropped} events were dropped: the outbox held ${MOST_PENDING} reports that could not be sent`;
    append(null, { kind: 'event', type: 'Warning', reason: 'EventsDropped', message }, happening);
  }

  const numberWithin = (after: number, maxBytes: number): Report[] => {
    const reports: Report[] = [];
    let bytes = 0;
    const fits = (row: Row): boolean => {
      bytes += Buffer.byteLength(row.body) + ENVELOPE_BYTES;
      return reports.length === 0 || bytes <= maxBytes;
    };
    for (const row of numbered.iterate(after)) {
      if (!fits(row)) return reports;
      reports.push(toReport(row, row.sequence ?? 0));
    }
    for (const row of unnumbered.all()) {
      if (!fits(row)) return reports;
      const sequence = takeNumber.get() ?? 0;
      number.run(sequence, row.id);
      reports.push(toReport(row, sequence));
    }
    return reports;
  };

  return {
    appendEvent(body: EventBody, happening) {
      if ((count.get() ?? 0) >= MOST_PENDING) countDropped.run(dropOldest.run().changes);
      else reportDropped(happening);
      append(null, body, happening);
    },
    putStatus(subject, body, happening) {
      displace.run(subject);
      append(subject, body, happening);
    },
    appendMetrics: (metrics, happening) => {
      append(null, { kind: 'metrics', metrics }, happening);
    },
    reportsAfter: (sequence, maxBytes) => database.transaction(numberWithin).immediate(sequence, maxBytes),
    acknowledge: (sequence) =>
      database
        .transaction(() => {
          if (sequence >= (nextNumber.get() ?? 1)) return;
          forget.run(sequence);
          raiseAcknowledged.run(sequence);
        })
        .immediate(),
    acknowledged: () => acknowledged.get() ?? 0,
    pendingReports: () => count.get() ?? 0,
    nextSequence: () => nextNumber.get() ?? 1,
    renewEpoch: () =>
      database
        .transaction(() => {
          unnumber.run();
          startEpoch.run(random.uuid());
        })
        .immediate(),
  };
}

function toReport(row: Row, sequence: number): Report {
  return {
    sequence,
    happenedAt: new Date(row.happened_at_ms).toISOString(),
    monotonicMs: row.monotonic_ms,
    bootId: row.boot_id,
    body: packBody(row.body),
  };
}
