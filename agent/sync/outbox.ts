import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import type { Report } from '../../shared/protocol/messages.ts';
import type { Clock } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';

/** A message begins small, so that a slow link brings it whole, and grows while answers come soon. */
const FIRST_BYTES = 8 * 1024;
const MOST_BYTES = LARGEST_PAYLOAD_BYTES - 1024;
const SOON_MS = 2_000;

export interface Outbox {
  /** The next reports to send, or none: none wait, or a message is still unacknowledged. */
  next(): Report[];
  /** The hub has committed everything up to `sequence`. */
  acknowledge(sequence: number): void;
  /** Whether everything that was sent is acknowledged. */
  settled(): boolean;
}

/** The way out of reports on one connection: one message in flight, the next when the hub has committed it. */
export function createOutbox(store: Store, clock: Clock): Outbox {
  let sentUpTo = store.acknowledged();
  let sentAtMs = 0;
  let bytes = FIRST_BYTES;
  const settled = () => store.acknowledged() >= sentUpTo;
  return {
    settled,
    next() {
      if (!settled()) return [];
      const reports = store.reportsAfter(sentUpTo, bytes);
      sentUpTo = reports.at(-1)?.sequence ?? sentUpTo;
      sentAtMs = clock.monotonic();
      return reports;
    },
    acknowledge(sequence) {
      if (sequence <= store.acknowledged()) return;
      store.acknowledge(sequence);
      if (settled() && clock.monotonic() - sentAtMs < SOON_MS) bytes = Math.min(bytes * 2, MOST_BYTES);
    },
  };
}
