import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { Store } from '../ports.ts';
import type { DoubtCause } from './forget-presence.ts';
import { forgetPresence } from './forget-presence.ts';
import { markSilent } from './mark-silent.ts';
import { spreadMs } from './pace.ts';

const LOOK_FOR_SILENT_EVERY_MS = 5 * 60_000;
/** How long devices have to be heard again, beside the time over which the hub had them spread themselves. */
const GRACE_MS = 15_000;

export interface Presence {
  /** A device said hello. */
  heard(device: string): void;
  /** A device's link is over. */
  gone(device: string): void;
  /** How many devices are known to be there. */
  count(): number;
  /**
   * What was known of connections is past. Most devices will be heard again in a moment, and nothing is written of
   * those; of the others it is then said that they are not known to be there.
   */
  doubt(cause: DoubtCause): void;
  start(): void;
  stop(): void;
}

interface PresenceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with a device whose presence was changed here. */
  readonly changed: (device: string) => void;
}

/** Who is there, as far as that does not follow from what devices say themselves. */
export function createPresence({ store, clock, log, changed }: PresenceOptions): Presence {
  const there = new Set<string>();
  let cancelLook = () => {};
  let cancelDoubt = () => {};

  function update(work: Promise<string[]>): void {
    work
      .then((devices) => devices.forEach((device) => changed(device)))
      .catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'whether devices are there could not be stored');
      });
  }

  /** The hub's own deadline, above MQTT's: a last will may be lost, and a broker may be wrong. */
  function keepLookingForSilent(): void {
    cancelLook = clock.after(LOOK_FOR_SILENT_EVERY_MS, () => {
      update(store.transaction((tables) => markSilent(tables, clock.now())));
      keepLookingForSilent();
    });
  }

  return {
    heard: (device) => void there.add(device),
    gone: (device) => void there.delete(device),
    count: () => there.size,
    doubt(cause) {
      there.clear();
      cancelDoubt();
      const sinceMs = clock.now();
      const doubtedAtMs = clock.monotonic();
      const forget = () =>
        update(store.transaction((tables) => forgetPresence(tables, cause, sinceMs, there)));
      const wait = (devices: number) => {
        cancelDoubt();
        const passedMs = clock.monotonic() - doubtedAtMs;
        cancelDoubt = clock.after(GRACE_MS + spreadMs(devices, false) - passedMs, forget);
      };
      wait(0);
      store
        .transaction(({ devices }) => devices.count())
        .then(wait)
        .catch(() => {
          // They have the shortest time, then.
        });
    },
    start: keepLookingForSilent,
    stop() {
      cancelLook();
      cancelDoubt();
    },
  };
}
