import type { Bugs } from '../ground.ts';
import { AGENT_BUGS } from './agent-bugs.ts';
import type { Bug } from './bug.ts';
import { HUB_BUGS } from './hub-bugs.ts';
import { NO_BUGS } from './no-bugs.ts';

export const BUGS: readonly Bug[] = [...AGENT_BUGS, ...HUB_BUGS];

/** What is built into a world; nothing where no bug is named. @throws Error where there is none of that name */
export function createBugs(name: string | undefined): Bugs {
  if (name === undefined) return NO_BUGS;
  const bug = BUGS.find((one) => one.name === name);
  if (bug === undefined) throw new Error(`there is no bug "${name}"`);
  return { ...NO_BUGS, ...bug.create() };
}
