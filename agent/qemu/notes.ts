import type { Log } from '../../shared/ports.ts';

/** Undefined where it could be done. */
export type Note = (what: string, problem: string | undefined) => void;

/**
 * Says in the log what can't be done, once per change: it is tried again with each observation, and a line for each
 * would fill the box's log.
 */
export function createNotes(log: Log, fields: object): Note {
  const said = new Map<string, string>();
  return (what, problem) => {
    if (said.get(what) === problem) return;
    if (problem === undefined) {
      said.delete(what);
      log.info(fields, `the agent can ${what} again`);
    } else {
      said.set(what, problem);
      log.warn({ ...fields, reason: problem }, `the agent can't ${what}`);
    }
  };
}
