import type { StopMemory } from './memory.ts';
import type { Action } from './plan.ts';

/** When, as fractions of the grace period, the button is pressed, QEMU told to quit, and killed. */
const PRESS_AT = [0, 1 / 3];
const QUIT_AT = 0.9;
const KILL_AT = 1;
/** How often a kill is tried again. */
const KILL_AGAIN_MS = 1_000;

export interface StopPlan {
  readonly stop: StopMemory;
  readonly actions: readonly Action[];
  readonly wakeAtMs: number;
}

/**
 * The next step of stopping a live machine: the power button, the button again (Windows often wants that), `quit`,
 * SIGKILL, all inside the grace period. A grace period of 0 means SIGKILL at once, as in Kubernetes.
 */
export function planStop(
  uid: string,
  before: StopMemory | undefined,
  graceMs: number,
  answers: boolean,
  nowMs: number,
): StopPlan {
  const stop: StopMemory = before ?? { sinceMs: nowMs, presses: 0, quitSent: false, cancelled: false };
  const elapsedMs = nowMs - stop.sinceMs;
  const at = (fraction: number) => stop.sinceMs + fraction * graceMs;

  if (elapsedMs >= graceMs * KILL_AT) {
    return { stop, actions: [{ kind: 'kill', uid }], wakeAtMs: nowMs + KILL_AGAIN_MS };
  }
  // A monitor that does not answer takes neither button nor quit: the grace period is waited out all the same.
  if (!answers) return { stop, actions: [], wakeAtMs: at(KILL_AT) };
  if (elapsedMs >= graceMs * QUIT_AT) {
    const actions: Action[] = stop.quitSent ? [] : [{ kind: 'quit', uid }];
    return { stop: { ...stop, quitSent: true }, actions, wakeAtMs: at(KILL_AT) };
  }
  const due = PRESS_AT.filter((fraction) => elapsedMs >= graceMs * fraction).length;
  const wakeAtMs = at(PRESS_AT[due] ?? QUIT_AT);
  if (stop.presses >= due) return { stop, actions: [], wakeAtMs };
  return { stop: { ...stop, presses: due }, actions: [{ kind: 'power-button', uid }], wakeAtMs };
}
