import { codeOf } from '../../shared/base/errors.ts';
import { availableBytes, diskFull } from './disk-space.ts';
import type { FetchOptions } from './fetched.ts';
import type { Inspection } from './format.ts';
import type { Partial } from './partial.ts';
import { openPartial } from './partial.ts';
import type { Offer } from './receive.ts';
import { receive } from './receive.ts';
import type { Validators } from './sources.ts';

/** Between losing a connection that had brought something and making the next; up to three times as long. */
const RECONNECT_MS = 1_000;

export type WholeOffer = 'received' | Extract<Inspection, { refused: unknown }>;

/**
 * Gets an offer whole into `folder`, over as many connections as that takes while each brings something, and calls
 * `use` with it. What a failure leaves is kept to be gone on with.
 *
 * @throws EffectError of `receive`; what `use` throws; anything where the signal aborts
 */
export async function fetchOffer<T>(
  offer: Offer,
  folder: string,
  known: Validators | undefined,
  options: FetchOptions,
  use: (partial: Partial, received: WholeOffer) => Promise<T>,
): Promise<T | 'unchanged'> {
  const partial = await openPartial(folder, options.signal);
  try {
    const received = partial.complete() ? 'received' : await receiveAll(offer, partial, known, options);
    if (received !== 'unchanged') return await use(partial, received);
    // A part of another version would never be gone on with.
    await partial.discard();
    return received;
  } catch (error) {
    throw await withFullDisk(error, partial, options);
  } finally {
    await partial.close();
  }
}

async function receiveAll(
  offer: Offer,
  partial: Partial,
  known: Validators | undefined,
  options: FetchOptions,
): Promise<WholeOffer | 'unchanged'> {
  let furthest = partial.bytes();
  for (;;) {
    try {
      const received = await receive(offer, partial, known, options);
      if (received !== 'restart') return received;
    } catch (error) {
      // A server that can't resume and always breaks off at the same place gets no further: that is a failure.
      const wasLost = codeOf(error) === 'ConnectionLost' && partial.bytes() > furthest;
      if (!wasLost || options.signal.aborted) throw error;
      furthest = partial.bytes();
      options.log.info({ url: offer.shown, bytes: furthest }, 'connection lost: resuming the download');
      await pause(RECONNECT_MS * (1 + 2 * options.random.fraction()), options);
    }
  }
}

/**
 * Names a full disk as such. The part of the image is kept to be resumed, unless even half of the reserve is
 * used up: then the agent's own store needs the room more.
 */
async function withFullDisk(error: unknown, partial: Partial, { folder, reserveBytes }: FetchOptions) {
  const code = codeOf(error) ?? '';
  if (!['DiskFull', 'ENOSPC', 'EDQUOT'].includes(code)) return error;
  const available = await availableBytes(folder);
  const missing = Math.max(0, (partial.record()?.totalBytes ?? 0) - partial.bytes());
  if (available <= reserveBytes / 2) await partial.discard();
  return code === 'DiskFull' ? error : diskFull(folder, missing, reserveBytes, available);
}

/** Ends early where the signal aborts. */
async function pause(ms: number, { clock, signal }: FetchOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = clock.after(ms, resolve);
  const end = () => resolve();
  signal.addEventListener('abort', end);
  await promise;
  signal.removeEventListener('abort', end);
  stop();
}
