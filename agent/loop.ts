import { isSameJson } from '../shared/base/same-json.ts';
import { codeOf, messageOf } from '../shared/base/errors.ts';
import type { MachineIdentity } from '../shared/model/machine.ts';
import { carryOut } from './act/carry-out.ts';
import type { AgentPorts } from './agent.ts';
import type { Change } from './machine/change.ts';
import { describeChange } from './machine/change.ts';
import { findUsers } from './plan/disk-users.ts';
import { settleFailedChange } from './plan/draft-change.ts';
import type { ProbeWatch } from './probe-watch.ts';
import { createReadings } from './readings.ts';
import { imagesOf } from './machine/images.ts';
import { compileKept, recoverRow } from './plan/kept.ts';
import type { MachineMemory } from './plan/memory.ts';
import { planMachine } from './plan/plan-machine.ts';
import type { Action, Box, MachinePlan, PlannedEvent, Wanted } from './plan/plan.ts';
import { identityOf, readWanted } from './plan/read-wanted.ts';
import type { Settled } from './plan/settle-run.ts';
import type { Room } from './plan/room.ts';
import { claimOf, inOrderOfStart, takeRoom } from './plan/room.ts';
import { settleFailedDisk } from './plan/plan-volume.ts';
import { settleFailedStart } from './plan/settle-run.ts';
import type { Happening, KeptMachine, MachineRow, ObservedMachine } from './ports.ts';

/** A tick comes at least this often, so that a change that nothing announced is seen all the same. */
const TICK_EVERY_MS = 10_000;
/** And at most this often, whatever a guest does to announce changes. */
const TICK_PAUSE_MS = 50;
/** How many machines are acted on at once. */
const MOST_AT_ONCE = 8;
/** How long a machine rests after an action that failed, and the loop after a tick that did (a full disk). */
const REST_AFTER_FAILURE_MS = 2_000;
/** How long a stopping agent waits for actions under way; a start that is cut off is taken up by the next agent. */
const STOP_DEADLINE_MS = 5_000;

export interface Loop {
  /** Asks for a tick soon. */
  wake(): void;
  /** Whether there has been a tick: what is stored of the machines is of now, and not of an earlier agent. */
  hasTicked(): boolean;
  /** Resolves when the first tick is over, whatever came of it. */
  readonly firstTick: Promise<void>;
  /** Resolves when what is under way is over, or has had its time; no tick follows. */
  stop(): Promise<void>;
}

interface LoopOptions {
  readonly ports: Pick<AgentPorts, 'store' | 'machines' | 'images' | 'clock' | 'random' | 'log'>;
  readonly box: () => Box;
  readonly happening: () => Happening;
  /** Called when reports were queued. */
  readonly reported: () => void;
  readonly probes: ProbeWatch;
}

/**
 * A tick observes everything, plans each machine once and stores that with its reports. The actions of a machine are
 * then carried out beside the loop, and it is not planned again before they are done: one that takes long holds up
 * no other.
 */
export function createLoop({ ports, box, happening, reported, probes }: LoopOptions): Loop {
  const { store, machines, images, clock, random, log } = ports;
  /** What is being done for each machine that is acted on. */
  const busy = new Map<string, Promise<void>>();
  /** Those of them that are being started. */
  const starting = new Set<string>();
  const readings = createReadings();
  let cancelTimer = () => {};
  let running: Promise<void> | undefined;
  let woken = false;
  let stopped = false;
  let ticked = false;
  const firstTick = Promise.withResolvers<void>();

  function wake(): void {
    if (stopped || woken) return;
    woken = true;
    if (running === undefined) scheduleTick(0);
  }

  function scheduleTick(waitMs: number): void {
    cancelTimer();
    cancelTimer = clock.after(waitMs, () => {
      woken = false;
      running = runTick().then((nextMs) => {
        running = undefined;
        if (!stopped) scheduleTick(woken ? TICK_PAUSE_MS : Math.max(nextMs, TICK_PAUSE_MS));
      });
    });
  }

  /** One tick; the result is how long the next may wait, in milliseconds. */
  async function runTick(): Promise<number> {
    try {
      return await tick();
    } catch (error) {
      log.error({ error: messageOf(error), code: codeOf(error) }, 'the tick failed and will be made again');
      return REST_AFTER_FAILURE_MS;
    } finally {
      firstTick.resolve();
    }
  }

  async function tick(): Promise<number> {
    // What is seen of a machine that is being acted on may be of before or after: it is not planned with that.
    const unsettled = new Set(busy.keys());
    const observed = new Map((await machines.observe()).map((machine) => [machine.uid, machine]));
    retainImages();
    const plans = store.transaction(() => {
      recoverRows([...observed.values()].filter(({ uid }) => !unsettled.has(uid)));
      const all = store.machines();
      const rows = inOrderOfStart(all.filter(({ uid }) => !unsettled.has(uid)));
      let room = openRoom(all, observed);
      const chosen: { uid: string; plan: MachinePlan; kept: KeptMachine | undefined; desired: unknown }[] =
        [];
      let free = MOST_AT_ONCE - busy.size;
      for (const row of rows) {
        const plan = tryPlan(row, observed, room);
        if (plan === undefined) continue;
        room = takeRoom(room, plan.claimBytes ?? 0);
        const kept = compileKept(row, plan, observed.get(row.uid));
        const isActedOn = plan.actions.length > 0 || kept !== undefined;
        // What can't be done now is not noted as done: it is planned again when there is room.
        if (isActedOn && free === 0) continue;
        if (isActedOn) free -= 1;
        storePlan(row, plan);
        chosen.push({ uid: row.uid, plan, kept, desired: row.desired });
      }
      return chosen;
    });
    ticked = true;
    reported();
    for (const { uid, plan, desired } of plans) watchProbes(uid, plan, desired, observed.get(uid));
    for (const { uid, plan, kept } of plans) {
      if (plan.actions.length > 0 || kept !== undefined) act(uid, plan.actions, kept);
    }
    const wakeAtMs = Math.min(...plans.map(({ plan }) => plan.wakeAtMs ?? Infinity));
    return Math.min(wakeAtMs - clock.monotonic(), TICK_EVERY_MS);
  }

  /** Has the guest tried by its probes for as long as it runs. */
  function watchProbes(
    uid: string,
    { status, memory }: MachinePlan,
    desired: unknown,
    machine: ObservedMachine | undefined,
  ): void {
    const wanted = readings.wanted(desired);
    const { number, runningSinceMs } = memory.run ?? {};
    if (status.state === 'Removed') return probes.forget(uid);
    const runs = status.state === 'Running' && number !== undefined && runningSinceMs !== undefined;
    if (!runs || wanted?.kind !== 'machine') return probes.rest(uid);
    const address = machine?.process?.addresses.flatMap(({ ips }) => ips).find((ip) => ip.includes('.'));
    const target = { uid, ports: machine?.record?.ports ?? [], ...(address !== undefined && { address }) };
    probes.watch({ uid, run: number, runningSinceMs, probes: wanted.compiled.probes, target });
  }

  /** What is left of the box's memory by what runs, and by what is being started. */
  function openRoom(
    rows: readonly MachineRow[],
    observed: ReadonlyMap<string, ObservedMachine>,
  ): Room | undefined {
    const { memory, accelerator } = box();
    if (memory === undefined) return undefined;
    const claims = rows.flatMap(({ uid, desired }) => {
      const machine = observed.get(uid);
      if (machine?.process === undefined && !starting.has(uid)) return [];
      const claim = machine?.record?.claimBytes;
      return [
        starting.has(uid) || claim === undefined ? claimOf(readings.wanted(desired), accelerator) : claim,
      ];
    });
    return { ...memory, claims };
  }

  /** To be called in a transaction: gives the store machines that it has lost, as their folders know them. */
  function recoverRows(observed: readonly ObservedMachine[]): void {
    const rows = new Map(store.machines().map((row) => [row.uid, row]));
    for (const machine of observed) {
      const before = rows.get(machine.uid);
      const row = recoverRow(before, machine);
      if (row === undefined) continue;
      store.putMachine(row);
      const wanted = readWanted(row.desired);
      if (before !== undefined || wanted === undefined) continue;
      const message = 'its folder was found, and the store knew nothing of it';
      queueEvents(identityOf(wanted), [{ type: 'Warning', reason: 'Recovered', message }]);
    }
  }

  /** Whatever becomes of machines in this tick, what their descriptions name is needed. */
  function retainImages(): void {
    const needed = store.machines().flatMap(({ desired }) => {
      const wanted = readings.wanted(desired);
      if (wanted?.kind === 'volume') return imagesOf(wanted.content);
      return wanted?.kind === 'machine' ? imagesOf(wanted.compiled) : [];
    });
    images.retain(needed.map(({ source }) => source));
  }

  /** The plan for one machine; a bug that one machine meets must not keep the others from being planned. */
  function tryPlan(
    row: MachineRow,
    observed: ReadonlyMap<string, ObservedMachine>,
    room: Room | undefined,
  ): MachinePlan | undefined {
    try {
      const machine = observed.get(row.uid);
      const wanted = readings.wanted(row.desired);
      if (wanted === undefined) return undefined;
      const running = readings.running(machine);
      const probed = probes.outlook(row.uid);
      const users =
        wanted.kind === 'removed'
          ? { users: findUsers(row.uid, readings.machines(store.machines(), observed.values())) }
          : {};
      return planMachine({
        ...users,
        wanted,
        memory: row.memory,
        ...(machine === undefined ? {} : { observed: machine }),
        ...(running === undefined ? {} : { running }),
        imageStatus: (source) => images.observe(source),
        hasDisk: (uid, dataVolume) => observed.get(uid)?.disks.includes(dataVolume) === true,
        box: box(),
        nowMs: clock.monotonic(),
        wallMs: clock.now(),
        jitter: random.fraction(),
        ...(room === undefined ? {} : { room }),
        ...(probed === undefined ? {} : { probed }),
      });
    } catch (error) {
      log.error({ machine: row.uid, error: messageOf(error) }, 'a machine could not be planned');
      return undefined;
    }
  }

  /** To be called in a transaction: what changed and the reports of it belong together. */
  function storePlan(row: MachineRow, { status, statusChanged, memory, events }: MachinePlan): void {
    queueEvents(status, events);
    if (statusChanged) store.putStatus(`machine/${row.uid}`, { kind: 'machine', status }, happening());
    if (status.state === 'Removed') store.deleteMachine(row.uid);
    else if (!isSameJson(memory, row.memory)) store.putMachine({ ...row, memory });
  }

  function act(uid: string, actions: readonly Action[], kept: KeptMachine | undefined): void {
    const carryAllOut = async () => {
      // A machine that runs is known on its disk before it does.
      const isKept = kept === undefined || (await keep(uid, kept));
      return [isKept, ...(await Promise.all(actions.map((action) => attempt(uid, action))))];
    };
    const work = carryAllOut().then((done) => {
      const settle = () => {
        busy.delete(uid);
        starting.delete(uid);
        wake();
      };
      if (done.includes(false) && !stopped) clock.after(REST_AFTER_FAILURE_MS, settle);
      else settle();
    });
    busy.set(uid, work);
    if (actions.some(({ kind }) => kind === 'start')) starting.add(uid);
  }

  /** The result is whether that could be written; what is to be done is done also where it could not. */
  async function keep(uid: string, kept: KeptMachine): Promise<boolean> {
    try {
      await machines.keep(uid, kept);
      return true;
    } catch (error) {
      log.warn({ machine: uid, error: messageOf(error) }, 'what is known of a machine could not be kept');
      return false;
    }
  }

  /** Carries out an action; the result is whether to go on at once. */
  async function attempt(uid: string, action: Action): Promise<boolean> {
    try {
      await carryOut(action, machines, images);
      log.debug({ action: action.kind, machine: uid }, 'done');
      return true;
    } catch (error) {
      log.warn({ action: action.kind, machine: uid, error: messageOf(error) }, 'an action failed');
      // Its backoff is planned.
      if (action.kind === 'change') return noteFailedChange(uid, action.change, error);
      const isPlanned = action.kind === 'start' || action.kind === 'make-disk';
      return isPlanned && noteFailedStart(uid, error);
    }
  }

  function noteFailedStart(uid: string, error: unknown): boolean {
    const [code, why] = [codeOf(error) ?? 'StartFailed', messageOf(error)];
    return noteFailure(uid, (memory, wanted) => {
      const settle = wanted.kind === 'volume' ? settleFailedDisk : settleFailedStart;
      return settle(memory, code, why, clock.monotonic(), random.fraction());
    });
  }

  function noteFailedChange(uid: string, change: Change, error: unknown): boolean {
    const [what, why] = [describeChange(change), messageOf(error)];
    return noteFailure(uid, (memory) => settleFailedChange(memory, what, why, clock.monotonic()));
  }

  /** The result is whether that could be stored. */
  function noteFailure(uid: string, settle: (memory: MachineMemory, wanted: Wanted) => Settled): boolean {
    try {
      store.transaction(() => {
        const row = store.machines().find((machine) => machine.uid === uid);
        const wanted = row === undefined ? undefined : readWanted(row.desired);
        if (row === undefined || wanted === undefined) return;
        const settled = settle(row.memory, wanted);
        store.putMachine({ ...row, memory: settled.memory });
        queueEvents(identityOf(wanted), settled.events);
      });
      return true;
    } catch (failure) {
      log.error({ machine: uid, error: messageOf(failure) }, 'a failure could not be noted');
      return false;
    }
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
    hasTicked: () => ticked,
    firstTick: firstTick.promise,
    async stop() {
      stopped = true;
      cancelTimer();
      await running;
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancelLate = clock.after(STOP_DEADLINE_MS, resolve);
      await Promise.race([Promise.all(busy.values()), late]);
      cancelLate();
    },
  };
}
