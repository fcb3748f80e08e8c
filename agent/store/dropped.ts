import type Database from 'better-sqlite3';
import { formatTime } from '../../shared/base/time.ts';
import type { EventBody } from '../../shared/protocol/messages.ts';
import type { Happening } from '../ports.ts';

interface Row {
  what: 'events' | 'metrics';
  count: number;
  from_ms: number;
  to_ms: number;
  happened_at_ms: number;
  monotonic_ms: number;
  boot_id: string;
}

/** Reports that found no room: how many, and of which time. */
export interface Dropped {
  /** One that is of `atMs` is dropped, for want of room for what happens now. */
  count(what: Row['what'], atMs: number, happening: Happening): void;
  /** What is to be told of it, which is then forgotten: to be queued in the same transaction. */
  take(): { readonly body: EventBody; readonly happening: Happening }[];
}

export function createDropped(database: Database.Database): Dropped {
  const add = database.prepare(
    `INSERT INTO dropped VALUES (?, 1, ?, ?, ?, ?, ?) ON CONFLICT (what) DO UPDATE SET
      count = count + 1, to_ms = excluded.to_ms, happened_at_ms = excluded.happened_at_ms,
      monotonic_ms = excluded.monotonic_ms, boot_id = excluded.boot_id`,
  );
  const all = database.prepare<[], Row>('SELECT * FROM dropped ORDER BY what');
  const forget = database.prepare('DELETE FROM dropped');
  return {
    count(what, atMs, happening) {
      add.run(
        what,
        atMs,
        atMs,
        Math.round(happening.atMs),
        Math.round(happening.monotonicMs),
        happening.bootId,
      );
    },
    take() {
      const rows = all.all();
      if (rows.length === 0) return [];
      forget.run();
      return rows.map(({ what, count, from_ms, to_ms, happened_at_ms, monotonic_ms, boot_id }) => ({
        body: compileEvent(what, count, `${formatTime(from_ms)} to ${formatTime(to_ms)}`),
        happening: { atMs: happened_at_ms, monotonicMs: monotonic_ms, bootId: boot_id },
      }));
    },
  };
}

function compileEvent(what: Row['what'], count: number, span: string): EventBody {
  const [type, reason, noun] =
    what === 'events'
      ? (['Warning', 'EventsDropped', 'events'] as const)
      : (['Normal', 'MetricsDropped', 'figures of the box'] as const);
  const message = `${count} ${noun} of ${span} were dropped: more waited than there is room for`;
  return { kind: 'event', type, reason, message };
}
