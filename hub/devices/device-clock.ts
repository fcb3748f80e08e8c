import type { Report, Sent } from '../../shared/protocol/messages.ts';

/** Devices' clocks may be years off and may jump: their times are brought to the hub's as well as that can be done. */

/** A difference that changed by more than this is a clock that was set. */
const SET_MS = 5_000;

/**
 * How far a device's clock is ahead, in milliseconds, after a message that it sent at `sent` came in. Each message
 * makes it look behind by the time it took, so the most of what was seen is the best estimate.
 */
export function clockAheadMs(before: number | undefined, sent: Sent, receivedAtMs: number): number {
  const seen = Date.parse(sent.time) - receivedAtMs;
  return before === undefined || Math.abs(seen - before) > SET_MS ? seen : Math.max(before, seen);
}

/**
 * When a report's matter happened, in the hub's time. Within one boot the monotonic clock tells how long ago that was
 * when the message was sent; what is of an earlier boot has only its wall clock.
 */
export function happenedAtMs(
  report: Pick<Report, 'happenedAt' | 'monotonicMs' | 'bootId'>,
  sent: Sent,
  receivedAtMs: number,
  aheadMs: number,
): number {
  const agoMs =
    report.bootId === sent.bootId
      ? sent.monotonicMs - report.monotonicMs
      : receivedAtMs - (Date.parse(report.happenedAt) - aheadMs);
  return receivedAtMs - Math.max(0, Math.round(agoMs));
}
