import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Store } from '../../../agent/ports.ts';
import { createStore } from '../../../agent/store/store.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { formatRange, median } from '../figure.ts';
import type { LoneFigure } from './fleet-figure.ts';

/** Short rounds, so that both meet the same moods of the disk, and many, so that those even out. */
const ROUNDS = 41;
const REPORTS = 250;
const MESSAGE = 'x'.repeat(400);
const LARGEST_MESSAGE_BYTES = 63 * 1024;

/**
 * Durable reports of one agent against bare SQLite in a file with the same settings, in turn, so that both meet the
 * same moods of the disk. Each report is one commit, as it is on a box.
 */
export const outboxFigure: LoneFigure = {
  name: 'outbox',
  prose: "the agent's outbox against bare SQLite",
  async measure(report) {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-outbox-'));
    const store = createStore(join(folder, 'agent.db'), createRandom());
    const bare = createBare(join(folder, 'bare.db'));
    try {
      const ratios: { queue: number[]; through: number[] } = { queue: [], through: [] };
      const rates: number[] = [];
      for (let round = 1; round <= ROUNDS; round += 1) {
        const [queueMs, bareQueueMs] = [time(() => queue(store)), time(() => bare.insert())];
        const [sendMs, bareSendMs] = [time(() => send(store)), time(() => bare.remove())];
        ratios.queue.push(bareQueueMs / queueMs);
        ratios.through.push((bareQueueMs + bareSendMs) / (queueMs + sendMs));
        rates.push((REPORTS * 1000) / (queueMs + sendMs));
        if (round % 10 === 0) report.progress(`outbox: ${round} rounds of ${ROUNDS}`);
      }
      const two = (value: number) => value.toFixed(2);
      const of = `median of ${ROUNDS}`;
      report.row({
        figure: 'outbox against bare SQLite',
        amount: median(ratios.through),
        unit: 'ratio',
        goal: '0.6',
        note: `${of}, ${formatRange(ratios.through, two)}; queued one by one, read for messages, and deleted`,
      });
      report.row({
        figure: 'outbox against bare SQLite, queueing alone',
        amount: median(ratios.queue),
        unit: 'ratio',
        note: `${of}, ${formatRange(ratios.queue, two)}`,
      });
      report.row({
        figure: 'outbox: durable reports a second',
        amount: median(rates),
        unit: '/s',
        floor: '14,000 inserts',
        note: `${of}; WAL, full sync, on this file system`,
      });
    } finally {
      store.close();
      bare.close();
      rmSync(folder, { recursive: true });
    }
  },
};

function time(work: () => void): number {
  const startedAtMs = performance.now();
  work();
  return performance.now() - startedAtMs;
}

function queue(store: Store): void {
  for (let count = 0; count < REPORTS; count += 1) {
    const happening = { atMs: Date.now(), monotonicMs: count, bootId: 'bench' };
    store.appendEvent({ kind: 'event', type: 'Normal', reason: 'Benched', message: MESSAGE }, happening);
  }
}

/** As a session does: a message, its acknowledgement, the next message. */
function send(store: Store): void {
  for (;;) {
    const last = store.reportsAfter(store.acknowledged(), LARGEST_MESSAGE_BYTES).at(-1);
    if (last === undefined) return;
    store.acknowledge(last.sequence);
  }
}

function createBare(path: string) {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE reports (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO reports (body) VALUES (?)');
  const next = database.prepare<[], { id: number; body: string }>(
    'SELECT id, body FROM reports ORDER BY id LIMIT 100',
  );
  const remove = database.prepare('DELETE FROM reports WHERE id <= ?');
  const body = JSON.stringify({ kind: 'event', type: 'Normal', reason: 'Benched', message: MESSAGE });
  return {
    insert() {
      for (let count = 0; count < REPORTS; count += 1) insert.run(body);
    },
    remove() {
      for (let rows = next.all(); rows.length > 0; rows = next.all()) remove.run(rows.at(-1)?.id);
    },
    close: () => database.close(),
  };
}
