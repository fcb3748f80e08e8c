import type { Scheduler } from '../scheduler.ts';

/** A promise that was not kept. */
export interface Violation {
  readonly atMs: number;
  /** The check that saw it. */
  readonly check: string;
  /** `hub` or a device's name. */
  readonly subject: string;
  readonly message: string;
}

/** Says that something should not be so. */
export type Accuse = (subject: string, message: string) => void;

export interface Violations {
  readonly found: readonly Violation[];
  accuserOf(check: string): Accuse;
}

/** The first one ends the world: what comes after it proves nothing. */
export function createViolations(scheduler: Scheduler): Violations {
  const found: Violation[] = [];
  return {
    found,
    accuserOf: (check) => (subject, message) => {
      found.push({ atMs: scheduler.nowMs(), check, subject, message });
      scheduler.note(subject, `VIOLATION of ${check}: ${message}`);
      scheduler.stop();
    },
  };
}
