import type { Report, Sent } from '../../shared/protocol/messages.ts';
import type { BootSeen } from '../ports.ts';

/**
 * Devices' clocks may be years off and may jump. Their monotonic clocks do neither, so the hub learns when by its own
 * clock each boot began, and places by that what happened in it.
 */

/** A message that took longer than this was not stuck on its way: the box slept, or the hub's clock was set. */
const LONGEST_WAY_MS = 2 * 60_000;
/** By how much of the time that passes the two clocks may drift apart. */
const MOST_DRIFT = 1e-4;

/**
 * When a boot began, in the hub's time, after a message came in: each makes it look later by the time it took, so the
 * earliest that was seen is the best. `before` is what was known of the same boot.
 */
export function bootedAtMs(
  before: Pick<BootSeen, 'bootedAtMs' | 'heardAtMs'> | undefined,
  sent: Sent,
  receivedAtMs: number,
): number {
  const seenMs = receivedAtMs - sent.monotonicMs;
  if (before === undefined) return seenMs;
  const knownMs = before.bootedAtMs + Math.max(0, receivedAtMs - before.heardAtMs) * MOST_DRIFT;
  return Math.round(seenMs - knownMs > LONGEST_WAY_MS ? seenMs : Math.min(seenMs, knownMs));
}

/** How far the clock of a device is ahead that sent a message in a boot that began at `bootMs`. */
export function clockAheadMs(sent: Sent, bootMs: number): number {
  return Math.round(Date.parse(sent.time) - (bootMs + sent.monotonicMs));
}

/**
 * When a report's matter happened, in the hub's time. What is of a boot in which the hub was never told a time has
 * only its wall clock, which is taken to have been as far off as it is now.
 */
export function happenedAtMs(
  report: Pick<Report, 'happenedAt' | 'monotonicMs' | 'bootId'>,
  boots: readonly Pick<BootSeen, 'bootId' | 'bootedAtMs'>[],
  aheadMs: number,
  receivedAtMs: number,
): number {
  const boot = boots.find(({ bootId }) => bootId === report.bootId);
  const happenedMs =
    boot === undefined ? Date.parse(report.happenedAt) - aheadMs : boot.bootedAtMs + report.monotonicMs;
  return Math.round(Math.min(happenedMs, receivedAtMs));
}
