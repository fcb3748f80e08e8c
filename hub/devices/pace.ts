/** How far devices spread themselves when the hub comes back: pure. */

/** How many devices a second a hub can greet without keeping any of them waiting for long. */
const GREETED_A_SECOND = 3_000;
/** Two boxes of one name take the link from each other: they are to do so seldom. */
const DUPLICATE_MS = 5 * 60_000;

/** For how long, in milliseconds, a device that loses its link is to wait at most before it connects again. */
export function spreadMs(connected: number, isDuplicate: boolean): number {
  return isDuplicate ? DUPLICATE_MS : Math.ceil((connected / GREETED_A_SECOND) * 1_000);
}
