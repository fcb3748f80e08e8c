import type { RemovedMachine } from '../../shared/model/machine.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { keptDisks } from '../machine/disk.ts';
import type { ObservedMachine } from '../ports.ts';
import { describePlan } from './describe-plan.ts';
import { draftChange } from './draft-change.ts';
import type { MachineMemory, RunMemory } from './memory.ts';
import { OF_A_RUN, forget } from './memory.ts';
import { settleOrder } from './order.ts';
import type { Action, Draft, MachinePlan, Situation, Wanted } from './plan.ts';
import { waiting } from './plan.ts';
import { identityOf } from './read-wanted.ts';
import { planCredentials } from './plan-credentials.ts';
import { planGrowth } from './plan-growth.ts';
import { planRestart } from './plan-restart.ts';
import { planRunning } from './plan-running.ts';
import { planStart } from './plan-start.ts';
import { planStop } from './plan-stop.ts';
import { planVolume } from './plan-volume.ts';
import { admitMemory } from './room.ts';
import type { Settled } from './settle-run.ts';
import { enterBoot, settleRun } from './settle-run.ts';
import type { Want } from './want.ts';
import { applyRunStrategy, decideWant, outcomeOf } from './want.ts';

/** KubeVirt's grace period where a manifest gives none; also for a machine whose description is unreadable. */
const DEFAULT_GRACE_MS = 30_000;

/** How long QEMU may take over `quit` once its guest is over. */
const REAP_PATIENCE_MS = 5_000;

type Process = NonNullable<ObservedMachine['process']>;
type Ended = NonNullable<RunMemory['ended']>;

/** What to do about one machine now: pure, so that the same situation always gives the same plan. */
export function planMachine(situation: Situation): MachinePlan {
  const { wanted, observed, box } = situation;
  const { memory, events } = applyDesired(
    noteDisks(enterBoot(situation.memory, box.bootId), wanted, observed),
    wanted,
  );
  if (observed?.problem !== undefined) {
    const draft = { ...waiting(memory, 'Unknown', 'NotObserved', observed.problem), warning: true };
    return describePlan(situation, { memory, events }, draft);
  }
  const run = settleRun({ ...situation, memory });
  const settled = { memory: run.memory, events: [...events, ...run.events] };
  return describePlan(situation, settled, draftPlan(situation, settled.memory));
}

/** What is remembered, brought up to what the hub says of it. */
function applyDesired(memory: MachineMemory, wanted: Wanted): Settled {
  if (wanted.kind !== 'machine') return { memory, events: [] };
  return settleOrder(applyRunStrategy(memory, wanted.desired.runStrategy), wanted.desired);
}

function draftPlan(situation: Situation, memory: MachineMemory): Draft {
  const { wanted, observed, nowMs, box } = situation;
  const process = observed?.process;
  if (process !== undefined && memory.run?.ended !== undefined) {
    return reapProcess(memory, memory.run.ended, observed?.uid ?? '', process, nowMs);
  }
  if (box.goingDown !== undefined && wanted.kind !== 'volume')
    return planLeaving(situation, memory, box.goingDown.withinMs);
  switch (wanted.kind) {
    case 'removed':
      return process === undefined
        ? planRemoval(situation, memory, wanted.desired.uid)
        : stopProcess(
            situation,
            memory,
            process,
            graceOf(wanted.desired),
            'Removing',
            'the machine was deleted',
          );
    case 'refused':
      return planRefused(situation, memory, wanted);
    case 'volume':
      return planVolume(situation, memory, wanted);
    case 'machine':
      return planWanted(situation, memory, wanted);
  }
}

/** The box is shutting down: what runs is asked to as well, whatever is wanted of it, and nothing is started. */
function planLeaving(situation: Situation, memory: MachineMemory, withinMs: number): Draft {
  const why = 'the box is shutting down';
  const process = situation.observed?.process;
  if (process === undefined) return waiting(forget(memory, ...OF_A_RUN), 'Stopped', 'BoxGoingDown', why);
  const { wanted } = situation;
  const graceMs =
    wanted.kind === 'machine'
      ? wanted.compiled.gracePeriodMs
      : wanted.kind === 'removed'
        ? graceOf(wanted.desired)
        : DEFAULT_GRACE_MS;
  const leaving = { ...memory, leaving: true };
  return stopProcess(situation, leaving, process, Math.min(graceMs, withinMs), 'Stopping', why);
}

/** Promise 1: a running machine is not stopped because its newer description can't be read; only an order stops it. */
function planRefused(
  situation: Situation,
  before: MachineMemory,
  { reason, problem }: Extract<Wanted, { kind: 'refused' }>,
): Draft {
  const process = situation.observed?.process;
  // There is nothing that it could be started as again.
  const memory = forget(before, 'restarting');
  const want = decideWant(memory, 'Manual');
  const refused = { reason, message: problem, warning: true };
  if (memory.override?.verb === 'stop') {
    return process === undefined
      ? planAbsent(memory, want)
      : stopProcess(situation, memory, process, DEFAULT_GRACE_MS, 'Stopping', want.why);
  }
  if (process === undefined) return { ...waiting(memory, 'Refused', reason, problem), warning: true };
  return { ...planRunning(situation, memory, process), ...refused };
}

/** Remembers which of the disks that are made once have been there. */
function noteDisks(
  memory: MachineMemory,
  wanted: Wanted,
  observed: ObservedMachine | undefined,
): MachineMemory {
  if (observed === undefined || (wanted.kind !== 'machine' && wanted.kind !== 'volume')) return memory;
  const known = memory.disks ?? [];
  const names = wanted.kind === 'volume' ? [wanted.content.dataVolume] : keptDisks(wanted.compiled);
  const kept = names.filter((name) => observed.disks.includes(name) && !known.includes(name));
  return kept.length === 0 ? memory : { ...memory, disks: [...known, ...kept] };
}

function graceOf({ terminationGracePeriodSeconds }: RemovedMachine): number {
  return terminationGracePeriodSeconds === undefined
    ? DEFAULT_GRACE_MS
    : terminationGracePeriodSeconds * 1000;
}

function planWanted(
  situation: Situation,
  memory: MachineMemory,
  wanted: Extract<Wanted, { kind: 'machine' }>,
): Draft {
  const process = situation.observed?.process;
  const { compiled, desired } = wanted;
  if (process === undefined) {
    const stopped = forget(memory, ...OF_A_RUN);
    const want = decideWant(stopped, desired.runStrategy);
    if (!want.run) return planAbsent(forget(stopped, 'awaited'), want);
    const start = begin(planStart(situation, stopped, compiled), compiled);
    return admitMemory(situation, stopped, compiled, start);
  }
  const want = decideWant(memory, desired.runStrategy);
  if (!want.run) {
    const graceMs = memory.graceMs ?? compiled.gracePeriodMs;
    return stopProcess(situation, memory, process, graceMs, 'Stopping', want.why);
  }
  const { run } = memory;
  const { probed } = situation;
  if (probed?.dead !== undefined && probed.run === run?.number && run.ended === undefined) {
    const failing = `the liveness probe failed: ${probed.dead}`;
    const event = { type: 'Warning', reason: 'LivenessProbeFailed', message: failing } as const;
    const graceMs = memory.graceMs ?? compiled.gracePeriodMs;
    const stop = stopProcess(situation, { ...memory, failing }, process, graceMs, 'Stopping', failing);
    return { ...stop, events: [event] };
  }
  const going = cancelStop(memory, compiled.gracePeriodMs, situation.nowMs);
  const running = planRunning(situation, going, process, compiled);
  const settled = planCredentials(situation, planGrowth(situation, running, compiled), compiled);
  const next = planRestart(situation, settled, desired, compiled);
  if (!('why' in next)) return draftChange(situation, next);
  const event = { type: 'Normal', reason: 'Restarting', message: next.why } as const;
  return { ...planWanted(situation, next.memory, wanted), events: [event] };
}

/** A start that is to begin held, where it is. */
function begin(draft: Draft, { startsPaused }: CompiledMachine): Draft {
  if (!startsPaused && draft.memory.startPaused !== true) return draft;
  if (!draft.actions.some(({ kind }) => kind === 'start')) return draft;
  return {
    ...draft,
    memory: { ...forget(draft.memory, 'startPaused'), paused: true },
    actions: draft.actions.map((action) => (action.kind === 'start' ? { ...action, paused: true } : action)),
  };
}

/** The guest is over; QEMU, which stayed so that this could be seen, is let go, and killed where it won't. */
function reapProcess(
  memory: MachineMemory,
  ended: Ended,
  uid: string,
  process: Process,
  nowMs: number,
): Draft {
  const insist = process.runState === undefined || nowMs - ended.atMs > REAP_PATIENCE_MS;
  const draft = waiting(memory, 'Stopping', 'GuestOver', ended.detail);
  return { ...draft, actions: [{ kind: insist ? 'kill' : 'quit', uid }], wakeAtMs: nowMs + 1_000 };
}

function stopProcess(
  { wanted, nowMs }: Situation,
  memory: MachineMemory,
  process: Process,
  graceMs: number,
  state: 'Stopping' | 'Removing',
  why: string,
): Draft {
  const { uid } = identityOf(wanted);
  // A stop that was called off and is wanted again starts over: the guest may have come up meanwhile.
  const before = memory.stop?.cancelled === true ? undefined : memory.stop;
  const { stop, actions, wakeAtMs } = planStop(uid, before, graceMs, process.runState !== undefined, nowMs);
  // A guest that is held hears no button.
  const isHeld = process.runState === 'paused' || process.runState === 'prelaunch';
  const isPressed = actions.some(({ kind }) => kind === 'power-button');
  const heard: Action[] = isHeld && isPressed ? [{ kind: 'resume', uid }, ...actions] : [...actions];
  return { ...waiting({ ...memory, stop }, state, 'ShutdownRequested', why), actions: heard, wakeAtMs };
}

function planRemoval({ observed, users = [], box }: Situation, memory: MachineMemory, uid: string): Draft {
  const { trash } = box;
  const exists = observed !== undefined;
  if (exists && users.length > 0) {
    const message = `its disks are removed when they are used no more: ${users.join(', ')} uses them`;
    return waiting(memory, 'Removing', 'InUse', message);
  }
  if (trash === undefined) {
    return exists
      ? remove(memory, uid, 'its disks are being deleted')
      : waiting(memory, 'Removed', 'Removed', 'the machine and its disks are gone');
  }
  const kept = `${trash.folder} of its box, for ${Math.round(trash.keepMs / 3_600_000)} h`;
  return exists
    ? remove(memory, uid, `its disks are being moved to ${kept}`)
    : waiting(memory, 'Removed', 'Removed', `the machine is gone; what it had of disks is kept in ${kept}`);
}

function remove(memory: MachineMemory, uid: string, message: string): Draft {
  return { ...waiting(memory, 'Removing', 'Removing', message), actions: [{ kind: 'remove', uid }] };
}

/** Nothing runs and nothing is meant to. */
function planAbsent(memory: MachineMemory, { why }: Want): Draft {
  const outcome = outcomeOf(memory);
  if (outcome === undefined || memory.override?.verb === 'stop' || memory.runStrategy === 'Halted') {
    return waiting(memory, 'Stopped', memory.override?.verb === 'stop' ? 'StoppedOnBox' : 'Stopped', why);
  }
  const state = outcome === 'shutdown' ? 'Succeeded' : 'Failed';
  return waiting(memory, state, state, `${memory.run?.ended?.detail ?? ''}; ${why}`);
}

/**
 * The button may have been pressed already: remembered for as long as a guest may take over it, so that one going
 * down meanwhile is our doing.
 */
function cancelStop(memory: MachineMemory, graceMs: number, nowMs: number): MachineMemory {
  const { stop } = memory;
  if (stop === undefined) return memory;
  if (nowMs - stop.sinceMs > graceMs) return forget(memory, 'stop');
  return stop.cancelled ? memory : { ...memory, stop: { ...stop, cancelled: true } };
}
