import { bootedAtMs } from './device-clock.ts';
import type { HelloMessage } from '../../shared/protocol/messages.ts';
import type { BootSeen, DeviceRow, StreamRow } from '../ports.ts';

/**
 * Telling two boxes of one name apart from one box that was booted again. A boot with one store, once another was
 * heard, never comes back on a newer connection: where it does, there are two boxes. A hello that was on its way for
 * long can look the same, and the true one after it, so it takes three to say so aloud.
 */

/** How many boots are remembered. */
const BOOTS_KEPT = 8;
/** How often boots have to come back before two boxes are sure, and how long none has to before there is one again. */
const RETURNS = 3;
const RETURN_KEPT_MS = 24 * 3_600_000;

export interface BootsSeen {
  readonly identity: Pick<DeviceRow, 'boots' | 'returns' | 'returnedAtMs' | 'duplicateSinceMs'>;
  /** It was said before those of another boot that were heard already. */
  readonly isLate: boolean;
  /** Another boot goes on with its store: the disk was copied, or set back to how it was before. */
  readonly isCopy: boolean;
  /** The report of its store up to which its own are committed, where that is known. */
  readonly committed: number | undefined;
}

/** `newestStream` is that of the boot which was the last to say hello. */
export function seeBoot(
  before: DeviceRow | undefined,
  { sent, box, epoch, connection }: HelloMessage,
  newestStream: StreamRow | undefined,
  nowMs: number,
): BootsSeen {
  const known = before?.boots ?? [];
  const [newest] = known;
  const own = known.find((boot) => boot.bootId === sent.bootId && boot.epoch === epoch);
  const others = known.filter((boot) => boot !== own);
  const committed = own === newest ? newestStream?.acknowledged : own?.committed;
  const hasReturned = own !== undefined && own !== newest;
  if (own !== undefined && (connection < own.connection || (hasReturned && connection === own.connection))) {
    const { returns = 0, returnedAtMs, duplicateSinceMs } = before ?? {};
    const identity = { boots: known, returns, returnedAtMs, duplicateSinceMs };
    return { identity, isLate: hasReturned, isCopy: false, committed };
  }
  const { bootId } = sent;
  const same = known.find((boot) => boot.bootId === bootId);
  const sameStore = others.filter((boot) => boot.epoch === epoch);
  return {
    identity: {
      boots: [
        { ...box, bootId, epoch, connection, heardAtMs: nowMs, bootedAtMs: bootedAtMs(same, sent, nowMs) },
        ...others.map((boot) => (boot === newest ? displace(boot, newestStream) : boot)),
      ].slice(0, BOOTS_KEPT),
      ...countReturns(before, hasReturned, nowMs),
    },
    isLate: false,
    // One number of connection is given out once: who has one that was had before has a copy of the store.
    isCopy: hasReturned
      ? sameStore.some(({ renewed }) => renewed !== true)
      : own === undefined && sameStore.some((boot) => boot.connection >= connection),
    committed,
  };
}

/** What was committed by now of its store is its own: what comes from here on is another boot's. */
function displace(boot: BootSeen, stream: StreamRow | undefined): BootSeen {
  return stream === undefined ? boot : { ...boot, committed: stream.acknowledged };
}

function countReturns(
  before: DeviceRow | undefined,
  hasReturned: boolean,
  nowMs: number,
): Pick<DeviceRow, 'returns' | 'returnedAtMs' | 'duplicateSinceMs'> {
  const returnedAtMs = hasReturned ? nowMs : before?.returnedAtMs;
  const isPast = returnedAtMs === undefined || nowMs - returnedAtMs > RETURN_KEPT_MS;
  const returns = isPast ? 0 : (before?.returns ?? 0) + (hasReturned ? 1 : 0);
  const duplicateSinceMs = returns < RETURNS ? undefined : (before?.duplicateSinceMs ?? nowMs);
  return { returns, returnedAtMs, duplicateSinceMs };
}
