import { canonicalJson } from '../shared/base/canonical-json.ts';
import { codeOf, messageOf } from '../shared/base/errors.ts';
import type { MachineIdentity } from '../shared/model/machine.ts';
import { carryOut } from './act/carry-out.ts';
import type { AgentPorts } from './agent.ts';
import { planMachine } from './plan/plan-machine.ts';
import type { Action, Box, PlannedEvent } from './plan/plan.ts';
import { readWanted } from './plan/read-wanted.ts';
import { settleFailedStart } from './plan/settle-run.ts';
import type { Happening, MachineRow, ObservedMachine } from './ports.ts';

/** A tick comes at least this often, so that a change that nothing announced is seen all the same. */
const TICK_EVERY_MS = 10_000;
/** The soonest a plan may ask to be looked at again. */
const SHORTEST_WAIT_MS = 50;
/** How many actions one tick carries out; the next follows at once. */
const MOST_ACTIONS = 8;
/** How long the loop rests after a tick that failed, e.g. because the disk is full. */
const REST_AFTER_FAILURE_MS = 2_000;

export interface Loop {
  /** Asks for a tick soon. */
  wake(): void;
  /** Resolves when the tick under way is over; none follows. */
  stop(): Promise<void>;
}

interface LoopOptions {
  readonly ports: Pick<AgentPorts, 'store' | 'machines' | 'images' | 'clock' | 'random' | 'log'>;
  readonly box: () => Box;
  readonly happening: () => Happening;
  /** Called when reports were queued. */
  readonly reported: () => void;
}

/** A tick observes everything, plans once, stores that with its reports, and carries out a bounded batch. */
export function createLoop({ ports, box, happening, reported }: LoopOptions): Loop {
  const { store, machines, images, clock, random, log } = ports;
  let cancelTimer = () => {};
  let running: Promise<void> | undefined;
  let wokenWhileRunning = false;
  let stopped = false;

  function wake(): void {
    if (stopped) return;
    if (running !== undefined) {
      wokenWhileRunning = true;
      return;
    }
    cancelTimer();
    wokenWhileRunning = false;
    running = runTick().then((waitMs) => {
      running = undefined;
      if (stopped) return;
      if (wokenWhileRunning) wake();
      else cancelTimer = clock.after(waitMs, wake);
    });
  }

  /** One tick; the result is how long the next may wait, in milliseconds. */
  async function runTick(): Promise<number> {
    try {
      return await tick();
    } catch (error) {
      log.error({ error: messageOf(error), code: codeOf(error) }, 'the tick failed and will be made again');
      return REST_AFTER_FAILURE_MS;
    }
  }

  async function tick(): Promise<number> {
    const observed = new Map((await machines.observe()).map((machine) => [machine.uid, machine]));
    const nowMs = clock.now();
    const { actions, wakeAtMs } = store.transaction(() => planAll(observed, nowMs));
    reported();
    const batch = actions.slice(0, MOST_ACTIONS);
    const done = await Promise.all(batch.map((action) => attempt(action)));
    if (actions.length > batch.length) return 0;
    // What the other actions lead to announces itself; a start or a removal is looked at as soon as it is made.
    if (batch.some(({ kind }) => kind === 'start' || kind === 'remove')) {
      return done.includes(false) ? REST_AFTER_FAILURE_MS : 0;
    }
    return Math.max(SHORTEST_WAIT_MS, Math.min(wakeAtMs - clock.now(), TICK_EVERY_MS));
  }

  /** Plans every machine and stores what follows; to be called in a transaction. */
  function planAll(observed: ReadonlyMap<string, ObservedMachine>, nowMs: number) {
    const actions: Action[] = [];
    let wakeAtMs = Infinity;
    for (const row of store.machines()) {
      const wanted = readWanted(row.desired);
      if (wanted === undefined) continue;
      const machine = observed.get(row.uid);
      const plan = planMachine({
        wanted,
        memory: row.memory,
        ...(machine === undefined ? {} : { observed: machine }),
        imageStatus: (source) => images.observe(source),
        box: box(),
        nowMs,
        jitter: random.fraction(),
      });
      const identity = wanted.kind === 'refused' ? wanted.identity : wanted.desired;
      queueEvents(identity, plan.events);
      if (plan.statusChanged) {
        store.putStatus(`machine/${row.uid}`, { kind: 'machine', status: plan.status }, happening());
      }
      if (plan.status.state === 'Removed') store.deleteMachine(row.uid);
      else if (canonicalJson(plan.memory) !== canonicalJson(row.memory))
        store.putMachine({ ...row, memory: plan.memory });
      actions.push(...plan.actions);
      wakeAtMs = Math.min(wakeAtMs, plan.wakeAtMs ?? Infinity);
    }
    return { actions, wakeAtMs };
  }

  /** Carries out an action; the result is whether that worked. */
  async function attempt(action: Action): Promise<boolean> {
    try {
      await carryOut(action, machines, images);
      log.debug({ action: action.kind, subject: subjectOf(action) }, 'done');
      return true;
    } catch (error) {
      log.warn(
        { action: action.kind, subject: subjectOf(action), error: messageOf(error) },
        'an action failed',
      );
      if (action.kind === 'start') noteFailedStart(action.machine.uid, error);
      return false;
    }
  }

  function noteFailedStart(uid: string, error: unknown): void {
    store.transaction(() => {
      const row = store.machines().find((machine) => machine.uid === uid);
      const wanted = row === undefined ? undefined : readWanted(row.desired);
      if (row === undefined || wanted === undefined) return;
      const code = codeOf(error) ?? 'StartFailed';
      const settled = settleFailedStart(row.memory, code, messageOf(error), clock.now(), random.fraction());
      store.putMachine({ ...row, memory: settled.memory } satisfies MachineRow);
      queueEvents(wanted.kind === 'refused' ? wanted.identity : wanted.desired, settled.events);
    });
  }

  function queueEvents(
    { uid, namespace, name, kind }: MachineIdentity,
    events: readonly PlannedEvent[],
  ): void {
    for (const event of events) {
      log.info({ machine: `${namespace}/${name}`, reason: event.reason }, event.message);
      store.appendEvent({ kind: 'event', ...event, machine: { uid, namespace, name, kind } }, happening());
    }
  }

  return {
    wake,
    async stop() {
      stopped = true;
      cancelTimer();
      await running;
    },
  };
}

function subjectOf(action: Action): string {
  if (action.kind === 'fetch-image') return action.source.url;
  return action.kind === 'start' ? action.machine.uid : action.uid;
}
