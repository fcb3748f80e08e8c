import { formatTime } from '../../shared/base/time.ts';
import type { DesiredMachine, MachineStatus } from '../../shared/model/machine.ts';
import type { RunStrategy } from '../../shared/model/virtual-machine.ts';
import type { MachineMemory, Override } from './memory.ts';
import { forget } from './memory.ts';
import type { Settled } from './settle-run.ts';
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
  given: Omit<Override, 'verb'>,
): MachineMemory {
  const ready = forget(memory, 'nextStartAtMs', 'restarting');
  if (verb === 'restart') {
    return { ...(ready.override?.verb === 'stop' ? forget(ready, 'override') : ready), restarting: true };
  }
  const fresh = { ...(verb === 'start' ? forgetOutcome(ready) : ready), failures: 0 };
  if (isSaidAnyway(verb, memory.runStrategy)) return forget(fresh, 'override');
  return { ...fresh, override: { verb, ...given } };
}

/**
 * Brings an order that holds up to what the hub now desires: it ends where the hub releases it, or asks for the same.
 * The hub names the order that it releases by its time, and no other: whether one order is later than another can't
 * be told from the clock of a box, which may have been years off for either.
 */
export function settleOrder(
  memory: MachineMemory,
  { runStrategy, releasedOverride }: Pick<DesiredMachine, 'runStrategy' | 'releasedOverride'>,
): Settled {
  const { override } = memory;
  if (override === undefined) return { memory, events: [] };
  const { at } = describeOverride(override);
  const why =
    releasedOverride === at
      ? 'the hub released it'
      : isSaidAnyway(override.verb, runStrategy)
        ? `the run strategy is now ${runStrategy}`
        : undefined;
  if (why === undefined) return { memory, events: [] };
  const message = `the ${override.verb} ordered on the box at ${at} holds no more: ${why}`;
  return {
    memory: forget(memory, 'override'),
    events: [{ type: 'Normal', reason: 'LocalOrderReleased', message }],
  };
}

/** An order as it is reported; its time is what the hub releases it by. */
export function describeOverride({
  verb,
  atMs,
  reason,
  by,
}: Override): NonNullable<MachineStatus['override']> {
  return { verb, at: formatTime(atMs), reason, ...(by === undefined ? {} : { by }) };
}

function isSaidAnyway(verb: 'start' | 'stop', runStrategy: RunStrategy | undefined): boolean {
  return runStrategy === (verb === 'start' ? 'Always' : 'Halted');
}
