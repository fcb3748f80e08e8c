import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Event } from '../../shared/model/event.ts';
import type { EventBody } from '../../shared/protocol/messages.ts';
import { waitFor } from './wait-for.ts';

/** An event as the box and as the hub tell of it: in one form, so that the two can be compared. */
export interface ToldEvent {
  /** The machine's name; '' for the box itself. */
  readonly machine: string;
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since 1970, by the box's clock. */
  readonly atMs: number;
}

const JOURNAL = `
  CREATE TABLE journal (id INTEGER PRIMARY KEY, body TEXT NOT NULL, at_ms INTEGER NOT NULL);
  INSERT INTO journal (body, at_ms) SELECT body, happened_at_ms FROM reports
    WHERE json_extract(body, '$.kind') = 'event' ORDER BY id;
  CREATE TRIGGER journal_event AFTER INSERT ON reports WHEN json_extract(NEW.body, '$.kind') = 'event' BEGIN
    INSERT INTO journal (body, at_ms) VALUES (NEW.body, NEW.happened_at_ms);
  END;`;

/**
 * Has the store of a box write down each event in the very transaction that commits it: the box's own record, which
 * the hub's acknowledgement does not delete. To be called before any event was acknowledged.
 */
export async function keepJournal(dataDir: string): Promise<void> {
  await waitFor("the box's store", () => {
    withStore(dataDir, (store) => store.transaction(() => store.exec(JOURNAL)).immediate());
    return true;
  });
}

/** What the box has committed, in that order. */
export function readJournal(dataDir: string): ToldEvent[] {
  const rows = withStore(dataDir, (store) =>
    store.prepare<[], { body: string; at_ms: number }>('SELECT body, at_ms FROM journal ORDER BY id').all(),
  );
  return rows.map(({ body, at_ms: atMs }) => {
    const { machine, reason, message } = JSON.parse(body) as EventBody;
    return { machine: machine?.name ?? '', reason, message, atMs };
  });
}

/** The desired entry of each machine on the box, by name, as its store holds it. */
export function readHeld<T>(dataDir: string): Map<string, T> {
  const rows = withStore(dataDir, (store) =>
    store.prepare<[], string>('SELECT desired FROM machines').pluck().all(),
  );
  return new Map(rows.map((text) => JSON.parse(text) as T & { name: string }).map((one) => [one.name, one]));
}

/** What a box told the hub, in the order in which the hub wrote it down. */
export function toldBy(device: string, events: readonly Event[]): ToldEvent[] {
  const versionOf = ({ metadata }: Event) => Number(metadata.resourceVersion);
  return events
    .filter(
      ({ reportingInstance, reportingComponent }) =>
        reportingInstance === device && reportingComponent === 'holdfast-agent',
    )
    .toSorted((a, b) => versionOf(a) - versionOf(b))
    .map(({ metadata, involvedObject, reason, message, eventTime }) => ({
      machine: involvedObject.kind === 'Device' ? '' : (involvedObject.name ?? ''),
      reason: reason ?? '',
      message: message ?? '',
      atMs: Date.parse(metadata.annotations?.['holdfast.dev/device-time'] ?? eventTime ?? ''),
    }));
}

/** What the hub has otherwise than the box wrote it down, as a sentence; undefined where it is the same. */
export function compareTold(box: readonly ToldEvent[], hub: readonly ToldEvent[]): string | undefined {
  const at = Array.from({ length: Math.max(box.length, hub.length) }).findIndex(
    (_, index) => JSON.stringify(box[index]) !== JSON.stringify(hub[index]),
  );
  if (at < 0) return undefined;
  const first = `${JSON.stringify(box[at])} on the box, ${JSON.stringify(hub[at])} at the hub`;
  return `${box.length} events on the box, ${hub.length} at the hub, the first other one: ${first}`;
}

function withStore<T>(dataDir: string, use: (store: Database.Database) => T): T {
  const store = new Database(join(dataDir, 'agent.db'), { fileMustExist: true, timeout: 10_000 });
  try {
    return use(store);
  } finally {
    store.close();
  }
}
