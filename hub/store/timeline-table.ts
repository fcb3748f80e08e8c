import type { MachineIdentity } from '../../shared/model/machine.ts';
import type { StoredTimelineEntry, TimelineTable } from '../ports.ts';
import { readCounter, setCounter } from './counters.ts';
import type { Database, StoredTimeline } from './schema.ts';

/** How many rows one statement inserts: each takes thirteen of the 32,766 parameters that SQLite allows. */
const ROWS_AT_ONCE = 1_000;

export function createTimelineTable(database: Database): TimelineTable {
  return {
    async append(entries) {
      if (entries.length === 0) return;
      const newest = await readCounter(database, 'timeline');
      const rows = entries.map((entry, index): StoredTimeline => ({
        id: newest + 1 + index,
        device: entry.device,
        kind: entry.kind,
        type: entry.type,
        reason: entry.reason,
        message: entry.message,
        machine: entry.machine === undefined ? null : JSON.stringify(entry.machine),
        machine_name: entry.machine === undefined ? null : nameOf(entry.machine),
        happened_at_ms: Math.round(entry.happenedAtMs),
        device_time_ms: entry.deviceTimeMs ?? null,
        learned_at_ms: Math.round(entry.learnedAtMs),
        epoch: entry.epoch ?? null,
        sequence: entry.sequence ?? null,
      }));
      for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
        await database
          .insertInto('timeline')
          .values(rows.slice(start, start + ROWS_AT_ONCE))
          .execute();
      }
      await setCounter(database, 'timeline', newest + rows.length);
    },

    async list({ device, machine, fromMs, untilMs, limit }) {
      let query = database
        .selectFrom('timeline')
        .selectAll()
        .where('device', '=', device)
        .where('happened_at_ms', '>=', fromMs)
        .where('happened_at_ms', '<=', untilMs);
      if (machine !== undefined) query = query.where('machine_name', '=', nameOf(machine));
      const rows = await query.orderBy('happened_at_ms', 'desc').orderBy('id', 'desc').limit(limit).execute();
      return rows.reverse().map(readEntry);
    },

    async after(afterId, limit) {
      const rows = await database
        .selectFrom('timeline')
        .selectAll()
        .where('id', '>', afterId)
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(readEntry);
    },

    newest: () => readCounter(database, 'timeline'),

    async prune(beforeMs, limit) {
      // Ids rise with the times at which things were learned, so the oldest are found without looking at the rest.
      const oldest = await database
        .selectFrom('timeline')
        .select(['id', 'learned_at_ms'])
        .orderBy('id')
        .limit(limit)
        .execute();
      const past = oldest.filter(({ learned_at_ms: learnedAtMs }) => learnedAtMs < beforeMs);
      const last = past.at(-1);
      if (last === undefined) return 0;
      await database.deleteFrom('timeline').where('id', '<=', last.id).execute();
      return past.length;
    },
  };
}

function nameOf({ namespace, name }: Pick<MachineIdentity, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

function readEntry(row: StoredTimeline): StoredTimelineEntry {
  const { id, device, kind, type, reason, message } = row;
  return {
    id,
    device,
    kind,
    type,
    reason,
    message,
    ...(row.machine !== null && { machine: JSON.parse(row.machine) as MachineIdentity }),
    happenedAtMs: row.happened_at_ms,
    ...(row.device_time_ms !== null && { deviceTimeMs: row.device_time_ms }),
    learnedAtMs: row.learned_at_ms,
    ...(row.epoch !== null && { epoch: row.epoch }),
    ...(row.sequence !== null && { sequence: row.sequence }),
  };
}
