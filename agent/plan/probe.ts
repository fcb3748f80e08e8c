import type { CompiledProbe } from '../machine/probe.ts';

/** How Kubernetes counts the tries of a probe: what is found is what came of so many in a row. */

export interface ProbeCount {
  /** What the probe has found so far; undefined while that is not decided. */
  readonly found?: boolean;
  /** What came of the last tries, and how many in a row. */
  readonly last?: boolean;
  readonly inARow: number;
}

export const NO_TRIES: ProbeCount = { inARow: 0 };

/** A try that came out; what was found changes only after a threshold's number of them in a row. */
export function countTry(
  count: ProbeCount,
  { successThreshold, failureThreshold }: Pick<CompiledProbe, 'successThreshold' | 'failureThreshold'>,
  succeeded: boolean,
): ProbeCount {
  const inARow = count.last === succeeded ? count.inARow + 1 : 1;
  const isDecided = inARow >= (succeeded ? successThreshold : failureThreshold);
  const found = isDecided ? succeeded : count.found;
  return { last: succeeded, inARow, ...(found === undefined ? {} : { found }) };
}

/** When the first try is due of a guest that runs since `runningSinceMs`. An agent that starts late tries at once. */
export function firstTryAtMs(
  runningSinceMs: number,
  { initialDelayMs }: CompiledProbe,
  nowMs: number,
): number {
  return Math.max(runningSinceMs + initialDelayMs, nowMs);
}

/** What the probes of a run have found. */
export interface ProbeOutlook {
  readonly run: number;
  /** Left out where that is not decided yet. */
  readonly ready?: { readonly ok: boolean; readonly detail: string };
  /** Why the guest is not alive, where it was found not to be. */
  readonly dead?: string;
}
