import { messageOf } from '../shared/base/errors.ts';
import type { Clock, Log } from '../shared/ports.ts';
import type { TrashLimits } from './plan/plan-trash.ts';
import { planTrash } from './plan/plan-trash.ts';
import type { Trash, TrashEntry } from './trash-port.ts';

/** Also how soon space is made where the disk has become full. */
const LOOK_EVERY_MS = 60_000;

export interface TrashKeeper {
  start(): void;
  /** Resolves when what is under way is over. */
  stop(): Promise<void>;
}

interface TrashKeeperOptions extends TrashLimits {
  readonly trash: Trash;
  readonly clock: Clock;
  readonly log: Log;
  /** An entry is gone for good. */
  readonly deleted: (entry: TrashEntry, why: string) => void;
}

/** Deletes from the trash what has been there for its time, and makes room where the disk is nearly full. */
export function createTrashKeeper(options: TrashKeeperOptions): TrashKeeper {
  const { trash, clock, log } = options;
  let lookedAtMs = clock.monotonic();
  let cancel = () => {};
  let looking: Promise<void> = Promise.resolve();
  let stopped = false;

  async function look(): Promise<void> {
    const nowMs = clock.monotonic();
    const entries = await trash.age(nowMs - lookedAtMs);
    lookedAtMs = nowMs;
    for (const { entry, why } of planTrash(entries, await trash.availableBytes(), options)) {
      await trash.delete(entry.id);
      options.deleted(entry, why);
    }
  }

  function lookOn(): void {
    looking = look()
      .catch((error: unknown) => log.warn({ error: messageOf(error) }, 'looking through the trash failed'))
      .then(() => {
        if (!stopped) cancel = clock.after(LOOK_EVERY_MS, lookOn);
      });
  }

  return {
    start: lookOn,
    async stop() {
      stopped = true;
      cancel();
      await looking;
    },
  };
}
