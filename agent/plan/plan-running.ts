import type { CompiledMachine } from '../machine/compile.ts';
import type { ObservedMachine } from '../ports.ts';
import type { MachineMemory } from './memory.ts';
import { forget } from './memory.ts';
import type { Action, Draft, PlannedEvent, Situation } from './plan.ts';
import { waiting } from './plan.ts';

type Process = NonNullable<ObservedMachine['process']>;

/** How often a guest held by an I/O error is let go on, to see whether space has returned. */
const RESUME_EVERY_MS = 10_000;

/** QEMU's states of a guest that is held by someone: before its first instruction, or later. */
const HELD_STATES: ReadonlySet<string> = new Set(['paused', 'debug', 'prelaunch']);

/** What to do about a machine that runs and is to run. `compiled` is undefined where its description is unreadable. */
export function planRunning(
  situation: Situation,
  memory: MachineMemory,
  process: Process,
  compiled?: CompiledMachine,
): Draft {
  const { runState } = process;
  const uid = situation.observed?.uid ?? '';
  if (runState === undefined) {
    const message = "QEMU runs, but its monitor doesn't answer";
    return { ...waiting(memory, 'Unknown', 'MonitorUnreachable', message), warning: true };
  }
  if (memory.resetting === true) return resetGuest(uid, memory);
  if (memory.softReboot !== undefined) {
    const reboot = rebootSoftly(situation, memory, process, compiled);
    if (reboot !== undefined) return reboot;
  }
  if (runState === 'io-error') return planHeldByError(situation, memory, uid, compiled);
  if (memory.paused === true) return planPaused(uid, memory, runState);
  if (memory.unpausing === true) return planUnpausing(uid, memory, runState);
  switch (runState) {
    case 'paused':
    case 'debug':
      return waiting(memory, 'Paused', 'Paused', 'paused at its monitor');
    case 'prelaunch':
    case 'preconfig':
    case 'inmigrate':
      return waiting(memory, 'Starting', 'Starting', `QEMU is ${runState}`);
    default:
      return judgeReadiness(situation, memory, compiled);
  }
}

/**
 * Runs, and whether it is ready. Until a new agent's tries have decided that, it is what was found before in the run.
 */
function judgeReadiness(
  { probed }: Situation,
  memory: MachineMemory,
  compiled: CompiledMachine | undefined,
): Draft {
  const runs = waiting(forget(memory, 'ready'), 'Running', 'Running', 'the guest runs');
  const number = memory.run?.number;
  if (compiled?.probes.readiness === undefined || number === undefined) return runs;
  const fresh = probed?.run === number ? probed.ready : undefined;
  const { ok, detail } = fresh ??
    (memory.ready?.run === number ? memory.ready : undefined) ?? {
      ok: false,
      detail: 'it has not been tried',
    };
  const judged = { ...memory, ready: { run: number, ok, detail } };
  if (ok) return { ...runs, memory: judged };
  const draft = waiting(judged, 'Running', 'NotReady', `the guest runs, and is not ready: ${detail}`);
  // Before it was ever ready it is on its way to be.
  return { ...draft, warning: fresh !== undefined };
}

/** Held until someone lets it go on; whoever else lets it go on (at its monitor) does not end that. */
function planPaused(uid: string, memory: MachineMemory, runState: string): Draft {
  const draft = waiting(memory, 'Paused', 'PausedByUser', 'paused until it is told to go on, or restarted');
  if (HELD_STATES.has(runState)) return draft;
  return {
    ...waiting(memory, 'Running', 'Pausing', 'the guest is being paused'),
    actions: [{ kind: 'pause', uid }],
  };
}

function planUnpausing(uid: string, memory: MachineMemory, runState: string): Draft {
  if (HELD_STATES.has(runState)) {
    const draft = waiting(memory, 'Paused', 'Resuming', 'the guest is being let go on');
    return { ...draft, actions: [{ kind: 'resume', uid }] };
  }
  return waiting(forget(memory, 'unpausing'), 'Running', 'Running', 'the guest runs');
}

/** QEMU holds a guest whose disk fails, so that it sees no error (`werror=stop`). It is let go on now and then. */
function planHeldByError(
  { nowMs }: Situation,
  memory: MachineMemory,
  uid: string,
  compiled: CompiledMachine | undefined,
): Draft {
  const message = 'held by an I/O error (is the disk full?); it goes on when that is over';
  const held = { ...waiting(memory, 'Paused', 'IOError', message), warning: true };
  // Whoever paused it wants it held on, and whoever lets it go on does not wait.
  if (memory.paused === true) return held;
  const againAtMs = memory.unpausing === true ? nowMs : (memory.resumedAtMs ?? -Infinity) + RESUME_EVERY_MS;
  if (compiled === undefined || nowMs < againAtMs) return { ...held, wakeAtMs: Math.max(againAtMs, nowMs) };
  return {
    ...held,
    memory: { ...forget(memory, 'unpausing'), resumedAtMs: nowMs },
    actions: [{ kind: 'resume', uid }],
    wakeAtMs: nowMs + RESUME_EVERY_MS,
  };
}

function resetGuest(uid: string, memory: MachineMemory): Draft {
  const event = tell('Reset', 'the guest is reset: nothing in it was asked');
  return {
    ...waiting(forget(memory, 'resetting', 'softReboot'), 'Running', 'Running', 'the guest is being reset'),
    actions: [{ kind: 'reset', uid }],
    events: [event],
  };
}

/**
 * A reboot that the guest is asked for: through its agent, or else by the power button, after which it is booted
 * again in the same run. Undefined where there is nothing to do about it.
 */
function rebootSoftly(
  { nowMs, observed }: Situation,
  memory: MachineMemory,
  { runState, guestAgent }: Process,
  compiled: CompiledMachine | undefined,
): Draft | undefined {
  const uid = observed?.uid ?? '';
  const { sinceMs, down } = memory.softReboot ?? {};
  const done = forget(memory, 'softReboot');
  const act = (
    after: MachineMemory,
    kind: Action['kind'] & SoftAction,
    ...events: PlannedEvent[]
  ): Draft => ({
    ...waiting(after, 'Running', 'Rebooting', 'the guest is being rebooted'),
    actions: [{ kind, uid }],
    events,
  });
  if (down === true) {
    if (runState === 'shutdown') return act(memory, 'boot-again');
    if (runState === 'prelaunch') return act(memory, 'resume');
    return waiting(done, 'Running', 'Running', 'the guest runs');
  }
  if (runState !== 'running') return undefined;
  if (sinceMs === undefined) {
    return guestAgent
      ? act(done, 'reboot-guest', tell('SoftReboot', 'the guest is asked to reboot, through its agent'))
      : act(
          { ...memory, softReboot: { sinceMs: nowMs } },
          'power-button',
          tell('SoftReboot', 'the guest is asked to shut down by its power button, and booted again then'),
        );
  }
  const graceMs = compiled?.gracePeriodMs ?? 0;
  if (nowMs - sinceMs < graceMs) {
    const draft = waiting(memory, 'Running', 'Rebooting', 'the guest is being rebooted');
    return { ...draft, wakeAtMs: sinceMs + graceMs };
  }
  const message = `the guest did not shut down within ${graceMs / 1000} s of its power button, and goes on`;
  const event: PlannedEvent = { type: 'Warning', reason: 'SoftRebootIgnored', message };
  return { ...waiting(done, 'Running', 'Running', 'the guest runs'), events: [event] };
}

type SoftAction = 'boot-again' | 'resume' | 'reboot-guest' | 'power-button';

function tell(reason: string, message: string): PlannedEvent {
  return { type: 'Normal', reason, message };
}
