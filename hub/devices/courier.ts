import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import { splitDesired } from '../../shared/protocol/desired.ts';
import { encodeMessage } from '../../shared/protocol/messages.ts';
import type { Broker, DocumentRow } from '../ports.ts';

/** How long a device may take to say that it holds a document before that is sent again; it doubles, up to the longest. */
const FIRST_RESEND_MS = 60_000;
const LONGEST_RESEND_MS = 60 * 60_000;

/** Parts of a document that a device has already. */
export type Partial = { readonly hash: string; readonly parts: readonly number[] } | undefined;

export interface Courier {
  /** Sends an acknowledgement or a request. Failing is as good as its being lost on the way. */
  send(device: string, channel: 'ack' | 'request', message: object): void;
  /** Sends a device its newest document: one at a time, and the latest wins. */
  sendDesired(device: string, partial?: Partial): void;
  /** A device said which generation it holds. */
  noteHeld(device: string, generation: number): void;
  /** Nothing is sent to a device that is gone. */
  forget(device: string): void;
  stop(): Promise<void>;
}

interface CourierOptions {
  readonly broker: Pick<Broker, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The document that the device should get now, if there is one for it. */
  readonly findDocument: (device: string) => Promise<DocumentRow | undefined>;
}

/** The way out to devices; one that takes nothing holds up no other. */
export function createCourier({ broker, clock, log, findDocument }: CourierOptions): Courier {
  const sending = new Map<string, { again: boolean; done: Promise<void> }>();
  const unheld = new Map<string, { generation: number; delayMs: number; cancel: () => void }>();
  let stopped = false;

  async function sendNewest(device: string, partial: Partial, wasReplaced: () => boolean): Promise<void> {
    const document = await findDocument(device);
    if (document === undefined || stopped) return;
    const { generation, hash, text } = document;
    expectHeld(device, generation);
    for (const part of splitDesired(generation, hash, text)) {
      if (partial?.hash === hash && partial.parts.includes(part.part)) continue;
      if (wasReplaced()) return;
      await broker.publish(device, 'desired', encodeMessage(part));
    }
  }

  function sendDesired(device: string, partial?: Partial): void {
    const before = sending.get(device);
    if (before !== undefined) {
      before.again = true;
      return;
    }
    if (stopped) return;
    const entry = { again: false, done: Promise.resolve() };
    sending.set(device, entry);
    entry.done = sendNewest(device, partial, () => entry.again || stopped)
      .catch((error: unknown) => log.debug({ device, error: messageOf(error) }, 'a document was not sent'))
      .then(() => {
        sending.delete(device);
        if (entry.again) sendDesired(device);
      });
  }

  /** A document whose last part was lost on the way is sent again, though nothing else tells that it was. */
  function expectHeld(device: string, generation: number): void {
    const before = unheld.get(device);
    before?.cancel();
    const isSame = before?.generation === generation;
    const delayMs = isSame ? Math.min(before.delayMs * 2, LONGEST_RESEND_MS) : FIRST_RESEND_MS;
    unheld.set(device, { generation, delayMs, cancel: clock.after(delayMs, () => sendDesired(device)) });
  }

  function forget(device: string): void {
    unheld.get(device)?.cancel();
    unheld.delete(device);
  }

  return {
    send(device, channel, message) {
      broker.publish(device, channel, encodeMessage(message)).catch((error: unknown) => {
        log.debug({ device, channel, error: messageOf(error) }, 'a message was not sent');
      });
    },
    sendDesired,
    noteHeld(device, generation) {
      const expected = unheld.get(device);
      if (expected !== undefined && generation >= expected.generation) forget(device);
    },
    forget,
    async stop() {
      stopped = true;
      for (const device of unheld.keys()) forget(device);
      await Promise.all([...sending.values()].map(({ done }) => done));
    },
  };
}
