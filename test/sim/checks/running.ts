import type { Scheduler } from '../scheduler.ts';
import type { Witness } from '../witness.ts';
import type { Documents } from './documents.ts';
import type { Accuse } from './violations.ts';

/** Run states of QEMU in which its guest is over: what is ended then is only what is left of it. */
const OVER: ReadonlySet<string> = new Set(['shutdown', 'guest-panicked', 'internal-error', 'watchdog']);
/** An order may be given while the start is under way that it undoes. */
const ORDER_BEFORE_START_MS = 60_000;

/**
 * Promise 1: no running machine is stopped unless its desired state, an order on the box or its own guest says so;
 * none is started that should not run, or twice. And promise 5: each lives on one device.
 */
export function createRunningCheck(
  accuse: Accuse,
  scheduler: Scheduler,
  documents: Documents,
): Partial<Witness> {
  const orders = new Map<string, { verb: string; atMs: number }>();
  /** Orders to start hold until the one to stop; one to restart leaves them. */
  const ordered = new Set<string>();
  const homes = new Map<string, string>();
  const keyOf = (device: string, uid: string) => `${device} ${uid}`;

  return {
    ordered(device, uid, verb) {
      orders.set(keyOf(device, uid), { verb, atMs: scheduler.nowMs() });
      if (verb === 'start') ordered.add(keyOf(device, uid));
      if (verb === 'stop') ordered.delete(keyOf(device, uid));
    },
    starting(device, uid, live) {
      if (live) accuse(device, `machine ${uid} is started while its process lives`);
      const home = homes.get(uid) ?? device;
      if (home !== device) accuse(device, `machine ${uid} is started here and lives on ${home}`);
      homes.set(uid, device);
      const entry = documents.entryOf(device, uid);
      const isOrdered = ordered.has(keyOf(device, uid));
      if (entry === undefined) accuse(device, `machine ${uid} is started, and no document named it`);
      else if (entry.removed === true) accuse(device, `machine ${uid} is started, and is to be removed`);
      else if (entry.runStrategy === 'Halted' && !isOrdered)
        accuse(device, `machine ${uid} is started, and its run strategy is Halted`);
    },
    ending(device, uid, how, process) {
      if (OVER.has(process.runState)) return;
      const entry = documents.entryOf(device, uid);
      if (entry?.removed === true || entry?.runStrategy === 'Halted') return;
      const order = orders.get(keyOf(device, uid));
      const isOrdered = order !== undefined && order.verb !== 'start';
      if (isOrdered && order.atMs >= process.startedAtMs - ORDER_BEFORE_START_MS) return;
      accuse(device, `machine ${uid} (${process.runState}) is ended by ${how}, and nobody asked for it`);
    },
    removing(_device, uid) {
      homes.delete(uid);
    },
  };
}
