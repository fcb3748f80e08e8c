import { canonicalJson } from '../shared/base/canonical-json.ts';
import { sleep } from '../shared/base/deadline.ts';
import { EffectError, messageOf } from '../shared/base/errors.ts';
import { formatTime } from '../shared/base/time.ts';
import type { Clock, Log, Random } from '../shared/ports.ts';
import type { BoxIdentity, RequestBody } from '../shared/protocol/messages.ts';
import { PROTOCOL } from '../shared/protocol/version.ts';
import type { Probes } from './guest.ts';
import type { AcceleratorProbe, Facts, Happening, Link, Machines, Store, Tunnel } from './ports.ts';
import type { ImageNotice, Images } from './images-port.ts';
import type { Trash, TrashEntry } from './trash-port.ts';
import type { TrashLimits } from './plan/plan-trash.ts';
import type { Equipment } from './machine/equipment.ts';
import type { Box, PlannedEvent } from './plan/plan.ts';
import { identityOf, readWanted } from './plan/read-wanted.ts';
import type { BoxMemory } from './plan/room.ts';
import { createClockWatch } from './clock-watch.ts';
import { createHappenings } from './happenings.ts';
import { createLoop } from './loop.ts';
import { createProbeWatch } from './probe-watch.ts';
import type { LocalDoor } from './local/door.ts';
import { createLocalDoor } from './local/door.ts';
import { createInbox } from './sync/inbox.ts';
import type { Question } from './sync/requests.ts';
import { createRequests } from './sync/requests.ts';
import { createSession } from './sync/session.ts';
import { tellAll } from './sync/tell-all.ts';
import { createStreams } from './streams.ts';
import { createThawKeeper } from './thaw-keeper.ts';
import type { TrashKeeper } from './trash-keeper.ts';
import { createTrashKeeper } from './trash-keeper.ts';

/** How often the box's own figures are reported, and what it is, where that has changed. */
const FACTS_EVERY_MS = 6 * 60 * 60_000;
/** Of machines that shut down with their box: how often they are looked at, and how long the last of QEMU may take. */
const LOOK_EVERY_MS = 200;
const REAP_MS = 5_000;
/** How often an accelerator is looked for where none was found. */
const PROBE_EVERY_MS = 60_000;

/** How long the link waits for the first look at the machines. */
const FIRST_TICK_MS = 5_000;

const NO_TUNNEL: Tunnel = {
  dial: async ({ path }) => {
    throw new EffectError('HubUnreachable', path, 'this agent has no way to bring streams to the hub');
  },
};

export interface AgentPorts {
  readonly store: Store;
  readonly machines: Machines;
  readonly images: Images;
  readonly trash?: Trash;
  readonly probes: Probes;
  readonly link: Link;
  /** Without it no stream can be brought to the hub. */
  readonly tunnel?: Tunnel;
  readonly facts: Facts;
  readonly accelerator: AcceleratorProbe;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface AgentOptions {
  readonly device: string;
  readonly version: string;
  readonly bootId: string;
  /** What the box lends to single machines. */
  readonly equipment: Equipment;
  /** What tells this box from another that has its name. */
  readonly identity: BoxIdentity;
  /** How long removed machines are kept; without it they are not. */
  readonly trash?: TrashLimits;
  /** What machines may have of the box's memory; any amount where it is left out. */
  readonly memory?: BoxMemory;
}

export interface Agent {
  start(): void;
  /** What `holdfast status` and `holdfast vm` ask of the agent. */
  readonly door: LocalDoor;
  /**
   * Asks all guests to shut down, because the box does, and resolves when none runs any more. They have `withinMs`,
   * or less where their descriptions say so; none is started after this.
   */
  shutDownMachines(withinMs: number): Promise<void>;
  /** Lets go of everything; machines go on. */
  stop(): Promise<void>;
}

/** Puts the agent together: what comes in wakes the loop, and what the loop finds goes out. */
export function createAgent(options: AgentOptions, ports: AgentPorts): Agent {
  const { device, version, bootId, equipment, identity, memory } = options;
  const { store, machines, images, clock, random, log } = ports;
  const own = { bootId, equipment, ...(memory === undefined ? {} : { memory }) };
  let box: Box = { ...own, probing: true, acceleratorReason: 'which accelerator works is being found out' };
  let goingDown: Box['goingDown'];
  let cancelFacts = () => {};
  let cancelProbe = () => {};
  let cancelReachOut = () => {};
  /** The facts last queued for the hub. */
  let factsTold = '';
  let stopped = false;

  const happening = (): Happening => ({ atMs: clock.now(), monotonicMs: clock.monotonic(), bootId });
  const keeper = keepTrash();
  const probes = createProbeWatch(ports.probes, clock, () => loop.wake());
  const streams = createStreams(machines, ports.tunnel ?? NO_TUNNEL, clock);
  const thawKeeper = createThawKeeper({ store, machines, clock, log, bootId, tell: tellEvent });
  const loop = createLoop({
    ports,
    box: () => ({ ...box, ...describeTrash(), ...(goingDown && { goingDown }) }),
    happening,
    reported: () => session.wake(),
    probes,
  });
  const inbox = createInbox({ device, store, log, happening, stored: () => loop.wake() });
  const requests = createRequests({ store, clock, log, carryOut, find });
  const session = createSession({
    agentVersion: version,
    protocol: PROTOCOL,
    box: identity,
    store,
    link: ports.link,
    inbox,
    requests,
    clock,
    random,
    log,
    happening,
    tellAll() {
      tellAll(store, happening());
      factsTold = '';
      void reportFacts().catch(warnOfFacts);
    },
  });
  const clockWatch = createClockWatch({ clock, log, wasSet: reportClockSet });
  const door = createLocalDoor({
    device,
    version,
    store,
    machines,
    images,
    clock,
    session,
    loop,
    happening,
    ...(ports.trash === undefined ? {} : { trash: ports.trash }),
  });

  function carryOut(body: Exclude<RequestBody, Question>): string {
    if (body.verb === 'ping') return `${device} is here`;
    const { verb, machine, reason, gracePeriodSeconds, paused } = body;
    const graceMs = gracePeriodSeconds === undefined ? {} : { graceMs: gracePeriodSeconds * 1000 };
    door.takeHubOrder(verb, machine, reason, { ...graceMs, ...(paused !== undefined && { paused }) });
    return `the ${verb} of the machine was taken up`;
  }

  async function find(question: Question): Promise<object> {
    const { verb, machine } = question;
    switch (verb) {
      case 'read-guest':
        return door.readGuest(machine);
      case 'open-stream':
        await streams.open(door.uidOf(machine), question.target, question.dial);
        return {};
      case 'freeze':
        await thawKeeper.freeze(door.uidOf(machine), question.thawAfterSeconds * 1_000);
        return {};
      case 'unfreeze':
        await thawKeeper.thaw(door.uidOf(machine));
        return {};
    }
  }

  /** What the planner says of the disks of a machine that is removed. */
  function describeTrash(): Pick<Box, 'trash'> {
    if (ports.trash === undefined || options.trash === undefined || options.trash.keepMs === 0) return {};
    return { trash: { folder: ports.trash.folder, keepMs: options.trash.keepMs } };
  }

  function keepTrash(): TrashKeeper | undefined {
    if (ports.trash === undefined || options.trash === undefined) return undefined;
    const deleted = ({ namespace, name, id }: TrashEntry, why: string) => {
      const message = `the disks of ${namespace}/${name} were deleted from the trash (${id}): ${why}`;
      log.info({ entry: id, why }, 'deleted from the trash');
      store.appendEvent({ kind: 'event', type: 'Normal', reason: 'TrashDeleted', message }, happening());
      session.wake();
    };
    return createTrashKeeper({ trash: ports.trash, ...options.trash, clock, log, deleted });
  }

  /** Something that happened to a machine that the store knows. */
  function tellEvent(uid: string, event: PlannedEvent): void {
    try {
      const row = store.machines().find((one) => one.uid === uid);
      const wanted = row === undefined ? undefined : readWanted(row.desired);
      if (wanted === undefined) return;
      store.appendEvent({ kind: 'event', ...event, machine: identityOf(wanted) }, happening());
      session.wake();
    } catch (error) {
      log.warn({ machine: uid, error: messageOf(error) }, 'what happened in a guest could not be noted');
    }
  }

  function reportClockSet(fromMs: number): void {
    const message = `the clock of the box was set from ${formatTime(fromMs)} to ${formatTime(clock.now())}`;
    store.appendEvent({ kind: 'event', type: 'Normal', reason: 'ClockSet', message }, happening());
    session.wake();
  }

  function tellNotice(notice: ImageNotice): void {
    try {
      store.appendEvent({ kind: 'event', ...notice }, happening());
    } catch (error) {
      log.warn({ notice, error: messageOf(error) }, 'what became of an image could not be told');
    }
    session.wake();
  }

  async function findAccelerator(): Promise<void> {
    const { accelerator, reason } = await ports.accelerator.detect();
    box = { ...own, probing: false, acceleratorReason: reason, ...(accelerator && { accelerator }) };
    log.info({ accelerator, reason }, 'accelerator');
  }

  /** Finds the accelerator, and where there is none, looks again now and then: QEMU may be installed meanwhile. */
  async function keepFindingAccelerator(): Promise<void> {
    try {
      await findAccelerator();
    } catch (error) {
      const acceleratorReason = `no accelerator was found: ${messageOf(error)}`;
      box = { ...own, probing: false, acceleratorReason };
      log.error({ error: messageOf(error) }, 'finding the accelerator failed');
    }
    if (stopped) return;
    loop.wake();
    if (box.accelerator === undefined) {
      cancelProbe = clock.after(PROBE_EVERY_MS, () => void keepFindingAccelerator());
    }
  }

  async function reportFacts(): Promise<void> {
    const { accelerator, acceleratorReason } = box;
    const facts = {
      ...(await ports.facts.read()),
      acceleratorReason,
      ...(accelerator === undefined ? {} : { accelerator }),
    };
    const text = canonicalJson(facts);
    if (stopped || text === factsTold) return;
    store.putStatus('device', { kind: 'device', facts }, happening());
    factsTold = text;
    session.wake();
  }

  async function reportMetrics(): Promise<void> {
    const metrics = await ports.facts.measure();
    if (stopped) return;
    store.appendMetrics(metrics, happening());
    session.wake();
  }

  const warnOfFacts = (error: unknown) =>
    log.warn({ error: messageOf(error) }, 'reading the facts of the box');

  function keepReportingFacts(): void {
    if (stopped) return;
    reportFacts().then(reportMetrics).catch(warnOfFacts);
    cancelFacts = clock.after(FACTS_EVERY_MS, keepReportingFacts);
  }

  /** Where the store was lost, that is said aloud, once. */
  function tellLoss(): void {
    try {
      store.transaction(() => {
        const loss = store.takeLoss();
        if (loss === undefined) return;
        const message = `the agent's store was lost: ${loss}; machines are taken over from their folders`;
        log.error({ loss }, 'the store was lost, and is made anew from the folders of machines');
        store.appendEvent({ kind: 'event', type: 'Warning', reason: 'StoreLost', message }, happening());
      });
    } catch (error) {
      // A full disk: it is said at the next start.
      log.warn({ error: messageOf(error) }, 'that the store was lost could not be noted');
    }
  }

  return {
    start() {
      tellLoss();
      machines.onChange(() => loop.wake());
      machines.onHappening(createHappenings(clock, tellEvent));
      images.onChange(() => loop.wake());
      images.onNotice(tellNotice);
      clockWatch.start();
      keeper?.start();
      thawKeeper.start();
      loop.wake();
      const accelerator = keepFindingAccelerator();
      const reachOut = () => {
        cancelReachOut();
        if (stopped) return;
        session.start();
        void accelerator.then(keepReportingFacts);
      };
      // What runs is taken over first: the link and the box's facts would have it wait for the processor. A box whose
      // machines can't be looked at is to be reached all the same.
      const patience = Promise.withResolvers<void>();
      cancelReachOut = clock.after(FIRST_TICK_MS, patience.resolve);
      void Promise.race([loop.firstTick, patience.promise]).then(reachOut);
    },
    door,
    async shutDownMachines(withinMs) {
      goingDown = { withinMs };
      loop.wake();
      // A guest that is over is still reaped: hence the seconds beyond its time.
      const untilMs = clock.monotonic() + withinMs + REAP_MS;
      for (;;) {
        const seen = await machines.observe();
        const runs = seen.filter(({ process }) => process !== undefined);
        if (runs.length === 0) return;
        if (clock.monotonic() > untilMs) {
          log.warn(
            { machines: runs.map(({ uid }) => uid) },
            'some machines run on though the box shuts down',
          );
          return;
        }
        await sleep(clock, LOOK_EVERY_MS);
      }
    },
    async stop() {
      stopped = true;
      cancelFacts();
      cancelProbe();
      cancelReachOut();
      clockWatch.stop();
      await keeper?.stop();
      thawKeeper.stop();
      streams.stop();
      probes.stop();
      await loop.stop();
      await session.stop();
      await images.close();
      await machines.close();
      store.close();
    },
  };
}
