import { formatTime } from '../../shared/base/time.ts';
import type { DesiredMachine, MachineStatus } from '../../shared/model/machine.ts';
import type { ORDERS } from '../../shared/model/machine.ts';
import type { RunStrategy } from '../../shared/model/virtual-machine.ts';
import type { MachineMemory, Override } from './memory.ts';
import { forget } from './memory.ts';
import type { Settled } from './settle-run.ts';
import { forgetOutcome } from './want.ts';

export type OrderVerb = (typeof ORDERS)[number];
/** Those that a guest that runs is asked for, and that change nothing of whether it is to run. */
export type GuestVerb = Exclude<OrderVerb, 'start' | 'stop' | 'restart'>;

/**
 * An order given on the box, as the planner remembers it. Where the order only says what the run strategy says
 * anyway, it ends an earlier one and nothing is left to hold.
 */
export function applyOrder(
  memory: MachineMemory,
  verb: OrderVerb,
  given: Omit<Override, 'verb'>,
): MachineMemory {
  if (verb !== 'start' && verb !== 'stop' && verb !== 'restart') return applyGuestOrder(memory, verb);
  const ready = forget(memory, 'nextStartAtMs', 'restarting', 'stopping', 'graceMs');
  if (verb === 'restart') {
    return { ...(ready.override?.verb === 'stop' ? forget(ready, 'override') : ready), restarting: true };
  }
  const fresh = { ...(verb === 'start' ? forgetOutcome(ready) : ready), failures: 0 };
  if (isSaidAnyway(verb, memory.runStrategy)) return forget(fresh, 'override');
  return { ...fresh, override: { verb, ...given } };
}

export interface HubOrder {
  /** What the guest may take to shut down, in place of what its description says. */
  readonly graceMs?: number;
  /** The next run begins held. */
  readonly paused?: boolean;
}

/**
 * An order given at the hub, which holds against nothing: what is to be the case for longer is the run strategy's.
 * A start or a stop that the run strategy leaves to people (Manual, RerunOnFailure) is good for one run.
 */
export function applyHubOrder(
  memory: MachineMemory,
  verb: OrderVerb,
  { graceMs, paused = false }: HubOrder,
): MachineMemory {
  const { runStrategy } = memory;
  switch (verb) {
    case 'start': {
      const begun = { ...forgetOutcome(forget(memory, 'nextStartAtMs', 'startPaused')), failures: 0 };
      const held = paused ? { ...begun, startPaused: true } : begun;
      const { run } = begun;
      if (runStrategy !== 'Manual' || (run !== undefined && run.ended === undefined)) return held;
      return { ...held, run: { number: (run?.number ?? 0) + 1 } };
    }
    case 'stop':
    case 'restart': {
      const graced = graceMs === undefined ? memory : { ...memory, graceMs };
      if (verb === 'restart') return { ...forget(graced, 'nextStartAtMs'), restarting: true };
      const isAsked = runStrategy === 'Manual' || runStrategy === 'RerunOnFailure';
      return isAsked ? { ...graced, stopping: true } : graced;
    }
    case 'pause':
    case 'unpause':
    case 'softreboot':
    case 'reset':
      return applyGuestOrder(memory, verb);
  }
}

function applyGuestOrder(memory: MachineMemory, verb: GuestVerb): MachineMemory {
  switch (verb) {
    case 'pause':
      return { ...forget(memory, 'unpausing'), paused: true };
    case 'unpause':
      return { ...forget(memory, 'paused'), unpausing: true };
    case 'softreboot':
      return { ...memory, softReboot: {} };
    case 'reset':
      return { ...memory, resetting: true };
  }
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
