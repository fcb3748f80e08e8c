import { setTimeout as sleep } from 'node:timers/promises';

export interface Load {
  readonly ratePerSecond: number;
  readonly durationMs: number;
}

const STEP_MS = 5;
/** As long as events of other sizes are not what is measured: a sentence about a machine. */
const MESSAGE =
  'the machine said something that is worth a line or two in its timeline, and no more than that. ';

/**
 * Lets devices report in turn, at a steady rate. A step that came late makes up for it, so that the rate is kept
 * where it can be. Returns how many events there were, and how long that took.
 */
export async function runLoad(
  devices: readonly { report(message: string): void }[],
  { ratePerSecond, durationMs }: Load,
): Promise<{ events: number; tookMs: number }> {
  const startedAtMs = performance.now();
  const total = Math.round((ratePerSecond * durationMs) / 1000);
  let events = 0;
  while (events < total) {
    const due = Math.min(total, ((performance.now() - startedAtMs) * ratePerSecond) / 1000);
    // What is to be read of the sockets gets its turn, however far behind this is.
    const until = Math.min(due, events + ratePerSecond / 20);
    for (; events < until; events += 1) devices[events % devices.length]?.report(`${MESSAGE}${events}`);
    await sleep(STEP_MS);
  }
  return { events, tookMs: performance.now() - startedAtMs };
}
