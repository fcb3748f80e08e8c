/** The delays of restarting, after KubeVirt's `calculateStartBackoffTime` (10 n^2 s, at most 300 s). */
const STEP_MS = 10_000;
const LONGEST_MS = 300_000;

/**
 * How long to wait after the `failures`-th failure in a row, in milliseconds: `10 n^2` s with up to half as
 * much jitter, at most 300 s in all.
 */
export function restartDelayMs(failures: number, fraction: number): number {
  if (failures <= 0) return 0;
  const base = Math.min(STEP_MS * failures * failures, LONGEST_MS);
  return Math.min(Math.round(base * (1 + fraction / 2)), LONGEST_MS);
}
