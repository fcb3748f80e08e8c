import type { DesiredMachine } from '../../../shared/model/machine.ts';
import type { RunStrategy } from '../../../shared/model/virtual-machine.ts';
import { keptDisks } from '../../../agent/machine/disk.ts';
import { describeChange } from '../../../agent/machine/change.ts';
import { settleFailedChange } from '../../../agent/plan/draft-change.ts';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import type { MachineMemory } from '../../../agent/plan/memory.ts';
import type { HubOrder, OrderVerb } from '../../../agent/plan/order.ts';
import { applyHubOrder, applyOrder } from '../../../agent/plan/order.ts';
import type { ProbeOutlook } from '../../../agent/plan/probe.ts';
import type { Action, Box, MachinePlan } from '../../../agent/plan/plan.ts';
import { planMachine } from '../../../agent/plan/plan-machine.ts';
import { readWanted } from '../../../agent/plan/read-wanted.ts';
import { settleFailedStart } from '../../../agent/plan/settle-run.ts';
import type { ObservedMachine, RunRecord } from '../../../agent/ports.ts';
import type { ImageStatus } from '../../../agent/images-port.ts';
import { NO_EQUIPMENT } from '../../tools/equipment.ts';

export const UID = '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e';
/** How long the box has been up when a scenario starts, and what the time of day is then. */
export const UPTIME_MS = 3_600_000;
const START_MS = Date.parse('2026-03-01T08:00:00Z');

export function desiredMachine(
  runStrategy: RunStrategy,
  change: Partial<DesiredMachine> = {},
): DesiredMachine {
  return {
    uid: UID,
    namespace: 'default',
    name: 'pos',
    kind: 'VirtualMachine',
    generation: 1,
    runStrategy,
    dataVolumes: [],
    spec: {
      terminationGracePeriodSeconds: 30,
      domain: { memory: { guest: '128Mi' }, devices: {} },
      volumes: [{ name: 'scratch', emptyDisk: { capacity: '1Gi' } }],
    },
    ...change,
  };
}

export const IMAGE_URL = 'http://images.example/pos.qcow2';

const LIMITS = { cpus: 4, memoryBytes: 128 * 2 ** 20, maxMemoryBytes: 512 * 2 ** 20 };

/** A machine whose disk is made from an image without a checksum. */
export function imageMachine(): DesiredMachine {
  const desired = desiredMachine('Always');
  const dataVolumes = [{ metadata: { name: 'root' }, spec: { source: { http: { url: IMAGE_URL } } } }];
  const volumes = [{ name: 'disk', dataVolume: { name: 'root' } }];
  return { ...desired, dataVolumes, spec: { ...desired.spec, volumes } };
}

/**
 * One machine and a box that does what the planner says: starts make a process, quit and kill end it. What the
 * guest does is told to it. The planner is the real one; only the world is described.
 */
export function createScenario(desired: unknown) {
  let wanted = desired;
  let memory: MachineMemory = EMPTY_MEMORY;
  let nowMs = UPTIME_MS;
  let observed: ObservedMachine | undefined;
  let image: ImageStatus = { state: 'absent' };
  let failStart: string | undefined;
  let failChange: { readonly why: string; readonly of: RegExp } | undefined;
  let failCode = 'StartFailed';
  let cutOff = false;
  let refusal: string | undefined;
  let box: Box = {
    bootId: 'boot-1',
    equipment: NO_EQUIPMENT,
    probing: false,
    accelerator: 'tcg',
    acceleratorReason: 'asked for',
  };
  let probed: Omit<ProbeOutlook, 'run'> | undefined;
  let wallOffsetMs = START_MS - UPTIME_MS;
  const elsewhere = new Set<string>();
  const actions: Action['kind'][] = [];
  const events: string[] = [];
  let plan: MachinePlan | undefined;

  function carryOut(action: Action): void {
    actions.push(action.kind);
    switch (action.kind) {
      case 'start': {
        if (cutOff) return;
        if (failStart !== undefined) {
          memory = settleFailedStart(memory, failCode, failStart, nowMs, 0).memory;
          return;
        }
        const { uid, namespace, name, desired: running } = action.machine;
        const record: RunRecord = {
          uid,
          namespace,
          name,
          desired: running,
          run: action.run,
          bootId: box.bootId,
          accelerator: 'tcg',
          ports: [],
          startedAtMs: nowMs,
          command: [],
          pid: 4711,
          startTicks: 1,
        };
        const runState = action.paused === true ? 'prelaunch' : 'running';
        const process = { pid: 4711, runState, guestAgent: false, addresses: [] };
        observed = { uid, record, process, disks: keptDisks(action.machine) };
        return;
      }
      case 'quit':
      case 'kill':
        endProcess();
        return;
      case 'remove':
        observed = undefined;
        return;
      case 'grow-disk': {
        const { dataVolume, bytes } = action;
        if (observed !== undefined)
          observed = { ...observed, diskBytes: { ...observed.diskBytes, [dataVolume]: bytes } };
        return;
      }
      case 'give-credentials': {
        const { digest } = action.credentials;
        const given = { digest, atMs: nowMs, ...(refusal === undefined ? {} : { problem: refusal }) };
        if (observed?.process !== undefined)
          observed = { ...observed, process: { ...observed.process, credentials: given } };
        return;
      }
      case 'fetch-image':
        image = { state: 'fetching', bytes: 0 };
        return;
      case 'change':
        if (failChange?.of.test(describeChange(action.change)) === true) {
          const what = describeChange(action.change);
          memory = settleFailedChange(memory, what, failChange.why, nowMs).memory;
        } else if (observed?.record !== undefined) {
          observed = { ...observed, record: { ...observed.record, desired: action.running } };
        }
        return;
      case 'pause':
        setState('paused');
        return;
      case 'boot-again':
        setState('running');
        return;
      case 'resume':
        if (observed?.process?.runState !== 'io-error') setState('running');
        return;
      case 'make-disk':
      case 'reset':
      case 'reboot-guest':
      case 'power-button':
    }
  }

  function setState(runState: string): void {
    if (observed?.process === undefined) return;
    observed = { ...observed, process: { ...observed.process, runState } };
  }

  function endProcess(): void {
    if (observed === undefined) return;
    const { process: _gone, ...rest } = observed;
    observed = rest;
  }

  const scenario = {
    actions,
    events,
    get state() {
      return plan?.status.state;
    },
    get status() {
      return plan?.status;
    },
    get memory() {
      return memory;
    },
    /** What the disks that are kept have of size. */
    seeDisks(diskBytes: Readonly<Record<string, number>>) {
      if (observed !== undefined) observed = { ...observed, disks: Object.keys(diskBytes), diskBytes };
    },
    /** The disk of a data volume in the folder of another entry is there from now on. */
    makeElsewhere(uid: string, dataVolume: string) {
      elsewhere.add(`${uid}/${dataVolume}`);
    },
    /** The guest's agent comes up, and refuses credentials where it is said why. */
    openGuestAgent(problem?: string) {
      refusal = problem;
      if (observed?.process !== undefined)
        observed = { ...observed, process: { ...observed.process, guestAgent: true } };
    },
    /** From now on the box has a trash. */
    keepTrash(trash: NonNullable<Box['trash']>) {
      box = { ...box, trash };
    },
    /** Plans and carries out once. */
    tick() {
      const entry = readWanted(wanted);
      if (entry === undefined) throw new Error('the scenario needs an entry with an identity');
      const situation = {
        wanted: entry,
        memory,
        imageStatus: () => image,
        hasDisk: (uid: string, dataVolume: string) => elsewhere.has(`${uid}/${dataVolume}`),
        box,
        nowMs,
        wallMs: nowMs + wallOffsetMs,
        jitter: 0,
        ...(probed !== undefined && { probed: { ...probed, run: memory.run?.number ?? 0 } }),
      };
      const entryRun = readWanted(observed?.record?.desired);
      const running =
        entryRun?.kind === 'machine'
          ? { running: { machine: entryRun.compiled, limits: LIMITS, places: {} } }
          : {};
      plan = planMachine(observed === undefined ? situation : { ...situation, observed, ...running });
      memory = plan.memory;
      events.push(...plan.events.map(({ reason }) => reason));
      for (const action of plan.actions) carryOut(action);
      return plan;
    },
    /** Ticks until nothing more is done, or `limit` times. */
    settle(limit = 10) {
      for (let count = 0; count < limit; count += 1) {
        const before = actions.length;
        scenario.tick();
        if (actions.length === before) return;
      }
    },
    /** Lets time pass, with a tick a second. */
    pass(seconds: number) {
      for (let second = 0; second < seconds; second += 1) {
        nowMs += 1_000;
        scenario.tick();
      }
    },
    want(next: unknown) {
      wanted = next;
    },
    order(verb: OrderVerb) {
      memory = applyOrder(memory, verb, { atMs: nowMs + wallOffsetMs, reason: 'a test' });
    },
    hubOrder(verb: OrderVerb, order: HubOrder = {}) {
      memory = applyHubOrder(memory, verb, order);
    },
    /** What the probes of the run now have found. */
    probe(outlook: Omit<ProbeOutlook, 'run'> | undefined) {
      probed = outlook;
    },
    connectAgent() {
      if (observed?.process === undefined) throw new Error('there is no process');
      observed = { ...observed, process: { ...observed.process, guestAgent: true } };
    },
    guest(runState: string | undefined) {
      if (observed?.process === undefined) throw new Error('there is no process');
      const { runState: _old, ...process } = observed.process;
      observed = { ...observed, process: runState === undefined ? process : { ...process, runState } };
    },
    loseProcess: endProcess,
    /** The box goes down with all that runs, and is up again with its clock a year off. */
    reboot() {
      endProcess();
      box = { ...box, bootId: `${box.bootId}+` };
      nowMs = 10_000;
      wallOffsetMs -= 365 * 86_400_000;
    },
    /** The time of day jumps; the monotonic clock does not. */
    setClock(byMs: number) {
      wallOffsetMs += byMs;
    },
    setBox({
      accelerator,
      ...change
    }: Omit<Partial<Box>, 'accelerator'> & { accelerator?: 'tcg' | undefined }) {
      const { accelerator: _old, ...rest } = box;
      box = { ...rest, ...change, ...(accelerator && { accelerator }) };
    },
    /** The box begins to shut down, or an agent starts that sees nothing of that. */
    goDown(withinMs: number | undefined) {
      const { goingDown: _old, ...rest } = box;
      box = withinMs === undefined ? rest : { ...rest, goingDown: { withinMs } };
    },
    observe(change: Partial<ObservedMachine>) {
      if (observed !== undefined) observed = { ...observed, ...change };
    },
    loseFolder() {
      observed = undefined;
    },
    setImage(status: ImageStatus) {
      image = status;
    },
    /** From now on the agent dies before a start gets anywhere, or no longer does. */
    cutOffStarts(now: boolean) {
      cutOff = now;
    },
    failStarts(why: string | undefined, code = 'StartFailed') {
      failStart = why;
      failCode = code;
    },
    /** The record is one that an agent of before wrote. */
    forgetRunning() {
      if (observed?.record === undefined) return;
      const { desired: _, ...record } = observed.record;
      observed = { ...observed, record };
    },
    /** From now on changes fail, or those of which that is said, or none does. */
    failChanges(why: string | undefined, of = /./) {
      failChange = why === undefined ? undefined : { why, of };
    },
    count: (kind: Action['kind']) => actions.filter((one) => one === kind).length,
  };
  return scenario;
}
