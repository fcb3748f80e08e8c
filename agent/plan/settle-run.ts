import { restartDelayMs } from '../../shared/base/backoff.ts';
import type { MachineMemory, RunEnd } from './memory.ts';
import { OF_A_RUN, forget } from './memory.ts';
import type { PlannedEvent, Situation } from './plan.ts';

/** A run this long was a good one: what failed before it no longer counts. */
const GOOD_RUN_MS = 300_000;
/** How many runs that reached Running may end too soon before the next has to wait. */
const FREE_RESTARTS = 2;

/** QEMU's run states in which the guest is over though its process lives. */
const ENDED_STATES: ReadonlyMap<string, { readonly how: RunEnd; readonly detail: string }> = new Map([
  ['shutdown', { how: 'shutdown', detail: 'the guest shut down' }],
  ['guest-panicked', { how: 'failed', detail: "the guest's kernel panicked" }],
  ['internal-error', { how: 'failed', detail: 'QEMU met an internal error' }],
  ['watchdog', { how: 'failed', detail: "the guest's watchdog fired, and powered it off" }],
]);

/** States between start and the first instruction of the guest, and those that a guest does not run in. */
const NOT_YET_RUNNING: ReadonlySet<string> = new Set(['prelaunch', 'inmigrate', 'preconfig']);

/** Failures of a start that say what the box lacks: it is tried again all the same, for it may have it by then. */
const REFUSALS: ReadonlySet<string> = new Set(['NetworkRefused']);

/** Failures of a start that wait for something which comes with the box: a setting, a file system that is mounted. */
const WAITS: ReadonlySet<string> = new Set([
  'ClaimNotFound',
  'ClaimUnusable',
  'HostDiskMissing',
  'DataVolumeMissing',
]);
/** How often it is looked whether that is there: nothing tells. */
const LOOK_AGAIN_MS = 10_000;

export interface Settled {
  readonly memory: MachineMemory;
  readonly events: readonly PlannedEvent[];
}

/** What is remembered, with the times of an earlier boot taken out: they say nothing in this one. */
export function enterBoot(memory: MachineMemory, bootId: string): MachineMemory {
  if (memory.bootId === bootId) return memory;
  const { run, ...rest } = forget(memory, 'nextStartAtMs', ...OF_A_RUN);
  // That the guest ran still counts, even if for how long is no longer known.
  const past = run?.runningSinceMs === undefined ? run : { ...run, runningSinceMs: 0 };
  return { ...rest, ...(past === undefined ? {} : { run: past }), bootId };
}

/** Brings what is remembered of the newest run up to what is observed of it. */
export function settleRun({ memory: before, observed, box, nowMs, jitter }: Situation): Settled {
  const memory = adoptRecord(before, observed?.record?.run);
  const { run } = memory;
  if (run === undefined || run.ended !== undefined) return { memory, events: [] };

  const launched = observed?.record?.run === run.number;
  const process = launched ? observed?.process : undefined;
  if (process === undefined) {
    // Without a pid in the record the start was cut off before QEMU was seen: it is made again.
    const seen = run.runningSinceMs !== undefined || (launched && observed?.record?.pid !== undefined);
    if (!seen) return { memory, events: [] };
    if (observed?.record === undefined || observed.record.bootId === box.bootId) {
      return endRun(memory, 'failed', 'QEMU ended unexpectedly', nowMs, jitter);
    }
    // The box going down says nothing of the machine: it does not have to wait for its next start.
    const ended = endRun(memory, 'failed', 'the box went down', nowMs, jitter);
    return { memory: { ...forget(ended.memory, 'nextStartAtMs'), failures: 0 }, events: ended.events };
  }

  // Shut down to be booted again, which the planner does: the run goes on.
  if (
    process.runState === 'shutdown' &&
    memory.softReboot?.sinceMs !== undefined &&
    memory.stop === undefined
  )
    return { memory: { ...memory, softReboot: { ...memory.softReboot, down: true } }, events: [] };
  const end = ENDED_STATES.get(process.runState ?? '');
  if (end !== undefined) return endRun(memory, end.how, end.detail, nowMs, jitter);

  // One that begins held has come as far as it was meant to.
  const isRunning =
    process.runState !== undefined && (memory.paused === true || !NOT_YET_RUNNING.has(process.runState));
  if (!isRunning || run.runningSinceMs !== undefined) return { memory, events: [] };
  const event = {
    type: 'Normal',
    reason: 'Started',
    message: `the machine runs (run ${run.number})`,
  } as const;
  return {
    memory: { ...forget(memory, 'awaited'), run: { ...run, runningSinceMs: nowMs } },
    events: [event],
  };
}

/** Records that the start of the newest run failed; `detail` says why. */
export function settleFailedStart(
  memory: MachineMemory,
  code: string,
  detail: string,
  nowMs: number,
  jitter: number,
): Settled {
  if (memory.run === undefined || memory.run.ended !== undefined) return { memory, events: [] };
  if (WAITS.has(code)) {
    const awaited = { reason: code, message: detail };
    // Paused is of a run, and this one never began.
    const again = memory.paused === true ? { ...memory, startPaused: true } : memory;
    return { memory: { ...again, awaited, nextStartAtMs: nowMs + LOOK_AGAIN_MS }, events: [] };
  }
  const { memory: after } = endRun(memory, 'failed', detail, nowMs, jitter);
  const { run } = after;
  const isRefused = REFUSALS.has(code) && run?.ended !== undefined;
  return {
    memory: isRefused ? { ...after, run: { ...run, ended: { ...run.ended, refused: code } } } : after,
    events: [{ type: 'Warning', reason: code, message: `could not start: ${detail}` }],
  };
}

/** A process that the store knows nothing of (it was lost, or is older than the process) is the newest run. */
function adoptRecord(memory: MachineMemory, recorded: number | undefined): MachineMemory {
  if (recorded === undefined || recorded <= (memory.run?.number ?? 0)) return memory;
  return { ...memory, run: { number: recorded } };
}

function endRun(memory: MachineMemory, came: RunEnd, seen: string, nowMs: number, jitter: number): Settled {
  const { run, stop } = memory;
  if (run === undefined) return { memory, events: [] };
  if (memory.leaving === true) return leaveRun(memory, nowMs);
  const failing = memory.failing;
  const asked = stop !== undefined && failing === undefined;
  // After a stop that was asked for, RerunOnFailure runs no more: as if the guest had shut itself down.
  const stopped =
    memory.stopping === true && memory.runStrategy === 'RerunOnFailure' ? 'shutdown' : 'stopped';
  const detail = failing ?? seen;
  const how = failing === undefined ? came : 'failed';
  const again = asked && memory.restarting === true;
  const ended = { atMs: nowMs, how: asked ? stopped : how, detail, ...(again && { again }) };
  const ranMs = run.runningSinceMs === undefined ? undefined : nowMs - run.runningSinceMs;
  const past = forget(memory, 'nextStartAtMs', 'awaited', ...OF_A_RUN);
  // An order to start is good for one run; only Halted needs it for longer.
  const done = past.override?.verb === 'start' && past.runStrategy !== 'Halted' && ranMs !== undefined;
  const orders = done ? forget(past, 'override') : past;
  const after: MachineMemory = { ...orders, run: { ...run, ended } };
  if (asked) {
    return {
      memory: { ...after, failures: 0 },
      events: [{ type: 'Normal', reason: 'Stopped', message: detail }],
    };
  }
  const event: PlannedEvent =
    how === 'failed'
      ? { type: 'Warning', reason: 'Failed', message: detail }
      : { type: 'Normal', reason: 'GuestShutdown', message: detail };
  if (ranMs !== undefined && ranMs >= GOOD_RUN_MS)
    return { memory: { ...after, failures: 0 }, events: [event] };
  const failures = memory.failures + 1;
  const counted = ranMs === undefined ? failures : failures - FREE_RESTARTS;
  const nextStartAtMs = nowMs + restartDelayMs(counted, jitter);
  return { memory: { ...after, failures, nextStartAtMs }, events: [event] };
}

/** The box shut down with it: as after a power cut, it runs again as its run strategy says, and does not wait. */
function leaveRun(memory: MachineMemory, nowMs: number): Settled {
  const { run } = memory;
  if (run === undefined) return { memory, events: [] };
  const detail = 'the box went down';
  const past = forget(memory, 'nextStartAtMs', ...OF_A_RUN);
  return {
    memory: { ...past, failures: 0, run: { ...run, ended: { atMs: nowMs, how: 'failed', detail } } },
    events: [{ type: 'Normal', reason: 'Stopped', message: 'shut down with its box' }],
  };
}
