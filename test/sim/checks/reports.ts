import type { SeenStore, TakenEvent, Witness } from '../witness.ts';
import type { Accuse } from './violations.ts';

/** One event that a device's store made durable. */
interface StoredEvent {
  readonly event: string;
  taken: boolean;
  /** A hub that was set back forgot it, after its device had been told that it is stored. */
  excused: boolean;
}

export interface ReportsCheck extends Partial<Witness> {
  /** How many events of the devices' stores, as they are now, the hub does not have. */
  missing(): { readonly device: string; readonly event: string }[];
}

/**
 * Promise 3: the hub's timeline has each event of a store once, in the order in which they happened. An event may
 * only be left out for good where the store was lost, or where a hub that was set back had taken it.
 */
export function createReportsCheck(accuse: Accuse): ReportsCheck {
  const stored = new Map<string, { store: number; events: StoredEvent[] }>();
  const lost = new Map<string, StoredEvent[][]>();
  const backups = new Map<number, ReadonlyMap<string, number>>();
  /** How many sequence numbers of each stream the hub has. */
  let highest = new Map<string, number>();

  const eventsOf = (device: string) => stored.get(device)?.events ?? [];
  const streamOf = ({ device, epoch }: Pick<TakenEvent, 'device' | 'epoch'>) => `${device} ${epoch}`;

  /** In the newest store, or in one before it that the hub had a message of on its way. */
  function take(device: string, event: string): string | undefined {
    const candidates = [eventsOf(device), ...(lost.get(device) ?? [])];
    for (const events of candidates) {
      const place = events.findIndex((one) => one.event === event && !one.taken);
      const [skipped] =
        place === -1 ? [] : events.slice(0, place).filter((one) => !one.taken && !one.excused);
      const found = events[place];
      if (found === undefined) continue;
      found.taken = true;
      return skipped === undefined ? undefined : `before ${skipped.event}`;
    }
    const isKnown = candidates.some((events) => events.some((one) => one.event === event));
    return isKnown ? 'twice' : 'though the device never stored it';
  }

  return {
    eventStored({ device, number }: SeenStore, event) {
      const own = stored.get(device) ?? { store: number, events: [] };
      stored.set(device, own);
      own.events.push({ event, taken: false, excused: false });
    },
    eventTaken(taken) {
      const stream = streamOf(taken);
      const before = highest.get(stream) ?? 0;
      if (taken.sequence <= before)
        accuse(taken.device, `the hub takes report ${taken.sequence} of ${taken.epoch} after ${before}`);
      highest.set(stream, taken.sequence);
      const problem = take(taken.device, taken.event);
      if (problem !== undefined) accuse(taken.device, `the hub takes ${taken.event} ${problem}`);
    },
    storeLost({ device }) {
      lost.set(device, [eventsOf(device), ...(lost.get(device) ?? [])]);
      stored.delete(device);
    },
    hubBackedUp(backup) {
      backups.set(backup, new Map(highest));
    },
    hubSetBack(backup) {
      highest = new Map(backup === undefined ? [] : backups.get(backup));
      for (const { events } of stored.values()) forget(events);
      for (const list of lost.values()) for (const events of list) forget(events);
    },
    missing: () =>
      [...stored].flatMap(([device, { events }]) =>
        events.filter(({ taken, excused }) => !taken && !excused).map(({ event }) => ({ device, event })),
      ),
  };
}

/** What a hub had taken before it was set back may come again, if its device was not told that it is stored. */
function forget(events: StoredEvent[]): void {
  for (const one of events) {
    if (!one.taken) continue;
    one.taken = false;
    one.excused = true;
  }
}
