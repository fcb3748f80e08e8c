import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import type { ReportMessage } from '../../shared/protocol/messages.ts';
import type { Store } from '../ports.ts';

export interface Outbox {
  /** The next reports to send, or undefined: none wait, or a message is still unacknowledged. */
  next(): ReportMessage | undefined;
  /** The hub has committed everything up to `sequence`. */
  acknowledge(sequence: number): void;
  /** Whether everything that was sent is acknowledged. */
  settled(): boolean;
}

/** The way out of reports on one connection: one message in flight, the next when the hub has committed it. */
export function createOutbox(store: Store): Outbox {
  let sentUpTo = store.acknowledged();
  const settled = () => store.acknowledged() >= sentUpTo;
  return {
    settled,
    next() {
      if (!settled()) return undefined;
      const reports = store.reportsAfter(sentUpTo, LARGEST_PAYLOAD_BYTES - 1024);
      const last = reports.at(-1);
      if (last === undefined) return undefined;
      sentUpTo = last.sequence;
      return { epoch: store.epoch(), reports };
    },
    acknowledge(sequence) {
      if (sequence > store.acknowledged()) store.acknowledge(sequence);
      sentUpTo = Math.max(sentUpTo, sequence);
    },
  };
}
