import type { Scheduler } from './scheduler.ts';

/** What a process that has crashed gets from all that it still calls: nobody hears of it. */
export class Crashed extends Error {
  constructor() {
    super('the process has crashed');
  }
}

/**
 * One run of a process, from its start to its stop or crash. All that it asks of the world goes through here, so that
 * nothing is left of it after its end, and so that its end can come at any of its steps.
 */
export interface Life {
  readonly subject: string;
  isOver(): boolean;
  /** As `Scheduler.at`, from now on; while the process is frozen, nothing of it runs. */
  after(delayMs: number, label: string, run: () => void): () => void;
  /** Resolves after a while; never, once the process is over. */
  pause(delayMs: number, label: string): Promise<void>;
  /** Says that something is about to happen that others could see; @throws Crashed where it is over, or ends here */
  step(): void;
  /** Has the process crash at one of its next steps. */
  crashAfter(steps: number): void;
  freeze(untilMs: number): void;
  end(): void;
}

function runToItsEnd(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Crashed)) throw error;
  }
}

export function createLife(scheduler: Scheduler, subject: string, crashed: () => void): Life {
  let over = false;
  let stepsLeft = Infinity;
  let frozenUntilMs = 0;

  function schedule(atMs: number, label: string, run: () => void): () => void {
    let cancel = scheduler.at(atMs, label, () => {
      if (over) return;
      if (scheduler.nowMs() < frozenUntilMs) cancel = schedule(frozenUntilMs, label, run);
      else runToItsEnd(run);
    });
    return () => cancel();
  }

  const life: Life = {
    subject,
    isOver: () => over,
    after: (delayMs, label, run) => schedule(scheduler.nowMs() + Math.max(delayMs, 0), label, run),
    pause: (delayMs, label) => new Promise((resolve) => life.after(delayMs, label, resolve)),
    step() {
      if (!over && stepsLeft-- <= 0) {
        over = true;
        crashed();
      }
      if (over) throw new Crashed();
    },
    crashAfter(steps) {
      stepsLeft = Math.min(stepsLeft, steps);
    },
    freeze(untilMs) {
      frozenUntilMs = Math.max(frozenUntilMs, untilMs);
    },
    end() {
      over = true;
    },
  };
  return life;
}
