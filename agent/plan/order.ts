import type { MachineMemory } from './memory.ts';
import { forget } from './memory.ts';
import { forgetOutcome } from './want.ts';

export const ORDER_VERBS = ['start', 'stop', 'restart'] as const;
export type OrderVerb = (typeof ORDER_VERBS)[number];

/**
 * An order given on the box, as the planner remembers it. Where the order only says what the run strategy says
 * anyway, it ends an earlier one and nothing is left to hold.
 */
export function applyOrder(
  memory: MachineMemory,
  verb: OrderVerb,
  atMs: number,
  reason: string,
): MachineMemory {
  const ready = forget(memory, 'nextStartAtMs', 'restarting');
  if (verb === 'restart') {
    return { ...(ready.override?.verb === 'stop' ? forget(ready, 'override') : ready), restarting: true };
  }
  const fresh = { ...(verb === 'start' ? forgetOutcome(ready) : ready), failures: 0 };
  if (memory.runStrategy === (verb === 'start' ? 'Always' : 'Halted')) return forget(fresh, 'override');
  return { ...fresh, override: { verb, atMs, reason } };
}
