/** When to connect again, in milliseconds: pure, the chance is an argument. */

/** The first wait where the hub has asked for no other; it doubles with each try that failed, up to the longest. */
const FIRST_MS = 1_000;
const LONGEST_MS = 20_000;

/**
 * How long to wait after a connection was lost, or after the `failures`-th try in a row that came to nothing. The
 * hub asks its devices to spread themselves over `spreadMs`, so that all of them at once are no more than it can
 * take; a hub that is not there is asked for less and less often.
 */
export function reconnectDelayMs(failures: number, spreadMs: number, fraction: number): number {
  if (failures === 0) return fraction * Math.max(FIRST_MS, spreadMs);
  const ceilingMs = Math.max(Math.min(FIRST_MS * 2 ** Math.min(failures, 16), LONGEST_MS), spreadMs);
  return ceilingMs * (0.5 + fraction / 2);
}
