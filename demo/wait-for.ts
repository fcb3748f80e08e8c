import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 200;

/**
 * Calls `look` until it gives something.
 * @throws Error once `limitMs` have passed, with what was waited for and the last thing that went wrong, or once
 * `signal` says that it no longer matters
 */
export async function waitFor<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const untilMs = Date.now() + limitMs;
  let problem = '';
  while (Date.now() < untilMs) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      problem = `: ${String(error)}`;
    }
    await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
  throw new Error(`${what} did not come within ${limitMs / 1000} s${problem}`);
}
