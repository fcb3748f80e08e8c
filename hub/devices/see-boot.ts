import type { HelloMessage } from '../../shared/protocol/messages.ts';
import type { BootSeen, DeviceRow } from '../ports.ts';

/**
 * Telling two boxes of one name apart from one box that was booted again. A box never goes back to an earlier boot:
 * a boot that is heard again after another is of a second box. A hello that was late looks the same, so once is not
 * enough to say so aloud.
 */

/** How many boots are remembered, and for how long after they were last heard. */
const BOOTS_KEPT = 8;
const BOOT_KEPT_MS = 24 * 3_600_000;
/** How often boots have to come back before two boxes are sure. */
const RETURNS = 2;

export interface BootsSeen {
  readonly identity: Pick<DeviceRow, 'boots' | 'returns' | 'duplicateSinceMs'>;
  /** The boot came back, and another box has its store. */
  readonly isCopy: boolean;
}

export function seeBoot(
  before: DeviceRow | undefined,
  { sent, box, epoch }: HelloMessage,
  nowMs: number,
): BootsSeen {
  const boot: BootSeen = { ...box, bootId: sent.bootId, epoch, heardAtMs: nowMs };
  const known = (before?.boots ?? []).filter(({ heardAtMs }) => heardAtMs > nowMs - BOOT_KEPT_MS);
  const others = known.filter(({ bootId }) => bootId !== boot.bootId);
  const boots = [boot, ...others].slice(0, BOOTS_KEPT);
  const returned = known.slice(1).some(({ bootId }) => bootId === boot.bootId);
  const returns = boots.length === 1 ? 0 : (before?.returns ?? 0) + (returned ? 1 : 0);
  const duplicateSinceMs = returns < RETURNS ? undefined : (before?.duplicateSinceMs ?? nowMs);
  return {
    identity: { boots, returns, duplicateSinceMs },
    isCopy: returned && others.some((other) => other.epoch === epoch),
  };
}
