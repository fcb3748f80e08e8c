import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Looks again and again until `look` gives something other than undefined or false. What it throws counts as
 * nothing yet.
 * @throws Error once `limitMs` have passed, with what was waited for and the last thing that went wrong
 */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 60_000,
): Promise<T> {
  const untilMs = Date.now() + limitMs;
  let last = '';
  while (Date.now() < untilMs) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = ` (${String(error)})`;
    }
    await sleep(100);
  }
  throw new Error(`${what}: not within ${limitMs / 1000} s${last}`);
}
