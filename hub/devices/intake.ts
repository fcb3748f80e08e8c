import { messageOf } from '../../shared/base/errors.ts';
import type { Log } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';
import type { Batch } from './batch.ts';
import { openBatch } from './batch.ts';

/** How many devices' messages one transaction takes, and how much may wait: what is beyond is asked for later. */
const DEVICES_AT_ONCE = 500;
const MOST_OF_ONE_DEVICE = 20;
const MOST_BYTES = 128 * 1024 * 1024;

/** A message of a device. `take` may be called again where the transaction failed; its result is run once committed. */
export interface Delivery {
  readonly device: string;
  readonly bytes: number;
  readonly take: (batch: Batch) => Promise<() => void>;
}

export interface Intake {
  /** Queues a message; false where too much waits already. */
  add(delivery: Delivery): boolean;
  /** Resolves once everything that came in is done with. */
  settle(): Promise<void>;
}

/**
 * Takes what devices say into the store: what came in while one transaction was written goes into the next, one
 * message of each device, in turns. A device with a week to tell is thus no slower and no faster than the others.
 */
export function createIntake({ store, log }: { readonly store: Store; readonly log: Log }): Intake {
  const queues = new Map<string, Delivery[]>();
  let bytes = 0;
  let isDraining = false;
  let drained = Promise.resolve();

  function nextTurn(): Delivery[] {
    const turn: Delivery[] = [];
    const more: [device: string, queue: Delivery[]][] = [];
    for (const [device, queue] of queues) {
      if (turn.length === DEVICES_AT_ONCE) break;
      const first = queue.shift();
      if (first !== undefined) turn.push(first);
      queues.delete(device);
      if (queue.length > 0) more.push([device, queue]);
    }
    // Behind all others, so that those who did not fit this time come first.
    for (const [device, queue] of more) queues.set(device, queue);
    for (const delivery of turn) bytes -= delivery.bytes;
    return turn;
  }

  async function take(turn: readonly Delivery[]): Promise<void> {
    const committed = await store.transaction(async (tables) => {
      const names = [...new Set(turn.map(({ device }) => device))];
      const batch = await openBatch(tables, names);
      const after: (() => void)[] = [];
      for (const delivery of turn) after.push(await delivery.take(batch));
      await batch.flush();
      return after;
    });
    for (const act of committed) act();
  }

  /** One message that can't be taken must not keep those of other devices from being. */
  async function takeEach(turn: readonly Delivery[]): Promise<void> {
    for (const delivery of turn) {
      try {
        await take([delivery]);
      } catch (error) {
        log.error({ device: delivery.device, error: messageOf(error) }, 'a message could not be taken');
      }
    }
  }

  async function drain(): Promise<void> {
    for (let turn = nextTurn(); turn.length > 0; turn = nextTurn()) {
      const these = turn;
      await take(these).catch(() => takeEach(these));
    }
    // In one step with finding nothing left: what came between the two would wake nobody.
    isDraining = false;
  }

  return {
    add(delivery) {
      const queue = queues.get(delivery.device) ?? [];
      if (queue.length >= MOST_OF_ONE_DEVICE || bytes + delivery.bytes > MOST_BYTES) return false;
      queue.push(delivery);
      queues.set(delivery.device, queue);
      bytes += delivery.bytes;
      if (!isDraining) {
        isDraining = true;
        drained = drain();
      }
      return true;
    },
    settle: () => drained,
  };
}
