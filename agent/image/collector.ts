import { createHash } from 'node:crypto';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { ImageSource } from '../machine/image-source.ts';
import { sourceKey } from '../machine/image-source.ts';
import type { ImageNotice, ReadyImage } from '../images-port.ts';
import type { CollectOptions } from './collect.ts';
import { collect, describeCollected } from './collect.ts';
import { availableBytes, ensureSpace } from './disk-space.ts';
import { createSlots } from './slots.ts';

/** How often it is looked whether there is more than the budget, where nothing changed. */
const LOOK_EVERY_MS = 600_000;

interface CollectorOptions extends Pick<
  CollectOptions,
  'dataDir' | 'imagesFolder' | 'partialFolder' | 'bases' | 'sources' | 'budgetBytes'
> {
  readonly reserveBytes: number;
  /** The keys of sources that are being fetched. */
  readonly fetching: () => readonly string[];
  readonly notice: (notice: ImageNotice) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Decides when unused images are deleted: `collect` knows which. */
export function createCollector(options: CollectorOptions) {
  const { clock, log, imagesFolder, reserveBytes } = options;
  const slots = createSlots(1);
  const givenOutAtMs = new Map<string, number>();
  /** Undefined until the desired entries were read: before that, nothing is known to be unused. */
  let retained: ReadonlySet<string> | undefined;
  let lookedAtMs = -Infinity;
  let looking: Promise<void> = Promise.resolve();
  let closed = false;

  const run = (wantedBytes: number) =>
    slots.run(async () => {
      if (retained === undefined || closed) return;
      try {
        const needed = new Set([...retained, ...options.fetching()]);
        const underWay = new Set([...needed].map((key) => createHash('sha256').update(key).digest('hex')));
        const nowMs = clock.now();
        for (const each of await collect({
          ...options,
          needed,
          underWay,
          givenOutAtMs,
          nowMs,
          wantedBytes,
        })) {
          log.info(each, 'an unused image was deleted');
          options.notice({ type: 'Normal', reason: 'ImageDeleted', message: describeCollected(each) });
        }
      } catch (error) {
        log.warn(
          { error: messageOf(error) },
          'which images are unused could not be found out: none is deleted',
        );
      }
    });

  return {
    /** Remembers that a disk may be about to be made over a base. */
    giveOut(base: ReadyImage): void {
      // By the wall clock, as the times of files are.
      givenOutAtMs.set(base.sha256, clock.now());
    },

    /** @throws EffectError `DiskFull` where unused images don't have so much room either */
    async makeRoom(neededBytes: number): Promise<void> {
      const missing = neededBytes + reserveBytes - (await availableBytes(imagesFolder));
      if (missing <= 0) return;
      await run(missing);
      await ensureSpace(imagesFolder, neededBytes, reserveBytes);
    },

    retain(sources: readonly ImageSource[]): void {
      const keys = new Set(sources.map(sourceKey));
      const isSame = retained?.size === keys.size && [...keys].every((key) => retained?.has(key) === true);
      retained = keys;
      if (closed || (isSame && clock.monotonic() - lookedAtMs < LOOK_EVERY_MS)) return;
      lookedAtMs = clock.monotonic();
      looking = run(0);
    },

    async close(): Promise<void> {
      closed = true;
      await looking;
    },
  };
}
