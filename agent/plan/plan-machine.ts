import type { RemovedMachine } from '../../shared/model/machine.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { keptDisks } from '../machine/disk.ts';
import type { ObservedMachine } from '../ports.ts';
import { describePlan } from './describe-plan.ts';
import { draftChange } from './draft-change.ts';
import type { MachineMemory, RunMemory } from './memory.ts';
import { forget } from './memory.ts';
import { settleOrder } from './order.ts';
import type { Draft, MachinePlan, Situation, Wanted } from './plan.ts';
import { identityOf } from './read-wanted.ts';
import { planStart } from './plan-start.ts';
import { planStop } from './plan-stop.ts';
import type { Settled } from './settle-run.ts';
import { enterBoot, settleRun } from './settle-run.ts';
import type { Want } from './want.ts';
import { applyRunStrategy, decideWant, outcomeOf } from './want.ts';

/** How often a guest held by an I/O error is let go on, to see whether space has returned. */
const RESUME_EVERY_MS = 10_000;
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
  const { wanted, observed, nowMs } = situation;
  const process = observed?.process;
  if (process !== undefined && memory.run?.ended !== undefined) {
    return reapProcess(memory, memory.run.ended, observed?.uid ?? '', process, nowMs);
  }
  switch (wanted.kind) {
    case 'removed':
      return process === undefined
        ? planRemoval(memory, wanted.desired.uid, observed !== undefined)
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
    case 'machine':
      return planWanted(situation, memory, wanted);
  }
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
  if (wanted.kind !== 'machine' || observed === undefined) return memory;
  const known = memory.disks ?? [];
  const kept = keptDisks(wanted.compiled).filter(
    (name) => observed.disks.includes(name) && !known.includes(name),
  );
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
    const stopped = forget(memory, 'stop', 'restarting');
    const want = decideWant(stopped, desired.runStrategy);
    return want.run ? planStart(situation, stopped, compiled) : planAbsent(stopped, want);
  }
  const want = decideWant(memory, desired.runStrategy);
  if (!want.run) return stopProcess(situation, memory, process, compiled.gracePeriodMs, 'Stopping', want.why);
  const going = cancelStop(memory, compiled.gracePeriodMs, situation.nowMs);
  return draftChange(situation, planRunning(situation, going, process, compiled));
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
  return { ...waiting({ ...memory, stop }, state, 'ShutdownRequested', why), actions, wakeAtMs };
}

function planRemoval(memory: MachineMemory, uid: string, exists: boolean): Draft {
  return exists
    ? {
        ...waiting(memory, 'Removing', 'Removing', 'its disks are being deleted'),
        actions: [{ kind: 'remove', uid }],
      }
    : waiting(memory, 'Removed', 'Removed', 'the machine and its disks are gone');
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

function planRunning(
  { nowMs }: Situation,
  memory: MachineMemory,
  process: Process,
  compiled?: CompiledMachine,
): Draft {
  switch (process.runState) {
    case undefined:
      return {
        ...waiting(memory, 'Unknown', 'MonitorUnreachable', "QEMU runs, but its monitor doesn't answer"),
        warning: true,
      };
    case 'io-error': {
      const message = 'held by an I/O error (is the disk full?); it goes on when that is over';
      const held = { ...waiting(memory, 'Paused', 'IOError', message), warning: true };
      const againAtMs = (memory.resumedAtMs ?? -Infinity) + RESUME_EVERY_MS;
      if (compiled === undefined || nowMs < againAtMs)
        return { ...held, wakeAtMs: Math.max(againAtMs, nowMs) };
      const resumed = { ...memory, resumedAtMs: nowMs };
      return {
        ...held,
        memory: resumed,
        actions: [{ kind: 'resume', uid: compiled.uid }],
        wakeAtMs: nowMs + RESUME_EVERY_MS,
      };
    }
    case 'paused':
    case 'debug':
      return waiting(memory, 'Paused', 'Paused', 'paused at its monitor');
    case 'prelaunch':
    case 'preconfig':
    case 'inmigrate':
      return waiting(memory, 'Starting', 'Starting', `QEMU is ${process.runState}`);
    default:
      return waiting(memory, 'Running', 'Running', 'the guest runs');
  }
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

function waiting(memory: MachineMemory, state: Draft['state'], reason: string, message: string): Draft {
  return { memory, actions: [], state, reason, message };
}
