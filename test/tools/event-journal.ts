import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Event } from '../../shared/model/event.ts';
import { waitFor } from './wait-for.ts';

/** An event as the box and as the hub tell of it: in one form, so that the two can be compared. */
export interface ToldEvent {
  readonly sequence: number;
  /** The machine's name; '' for the box itself. */
  readonly machine: string;
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since 1970, by the box's clock. */
  readonly atMs: number;
}

interface Row {
  readonly sequence: number | null;
  readonly body: string;
  readonly at_ms: number;
}

/** Each is named by the outbox's row, which is given to one report and no other. */
const JOURNAL = `
  CREATE TABLE journal (id INTEGER PRIMARY KEY, sequence INTEGER, body TEXT NOT NULL, at_ms INTEGER NOT NULL);
  INSERT INTO journal SELECT id, sequence, body, happened_at_ms FROM outbox
    WHERE json_extract(body, '$.kind') = 'event';
  CREATE TRIGGER journal_event AFTER INSERT ON outbox WHEN json_extract(NEW.body, '$.kind') = 'event' BEGIN
    INSERT INTO journal VALUES (NEW.id, NEW.sequence, NEW.body, NEW.happened_at_ms);
  END;
  CREATE TRIGGER journal_number AFTER UPDATE OF sequence ON outbox BEGIN
    UPDATE journal SET sequence = NEW.sequence WHERE id = NEW.id;
  END;`;

/**
 * Has the store of a box write down each event in the very transaction that commits it: the box's own record, which
 * the hub's acknowledgement does not delete. To be called before anything was acknowledged.
 */
export async function keepJournal(dataDir: string): Promise<void> {
  await waitFor("the box's store", () => {
    withStore(dataDir, (store) => store.transaction(() => store.exec(JOURNAL)).immediate());
    return true;
  });
}

/** What the box has committed, in that order; undefined where not all of it was sent yet. */
export function readJournal(dataDir: string): ToldEvent[] | undefined {
  const rows = withStore(dataDir, (store) =>
    store.prepare<[], Row>('SELECT sequence, body, at_ms FROM journal ORDER BY id').all(),
  );
  const told = rows.flatMap(({ sequence, body, at_ms: atMs }) => {
    const { machine, reason, message } = JSON.parse(body) as {
      machine?: { name: string };
      reason: string;
      message: string;
    };
    return sequence === null ? [] : [{ sequence, machine: machine?.name ?? '', reason, message, atMs }];
  });
  return told.length === rows.length ? told : undefined;
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
      sequence: Number(metadata.annotations?.['holdfast.dev/sequence']),
      machine: involvedObject.kind === 'Device' ? '' : (involvedObject.name ?? ''),
      reason: reason ?? '',
      message: message ?? '',
      atMs: Date.parse(metadata.annotations?.['holdfast.dev/device-time'] ?? eventTime ?? ''),
    }));
}

/** What the hub has otherwise than the box wrote it down, as a sentence; undefined where it is the same. */
export function compareTold(
  box: readonly ToldEvent[] | undefined,
  hub: readonly ToldEvent[],
): string | undefined {
  if (box === undefined) return 'not all was sent';
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
