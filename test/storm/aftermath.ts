import type { LocalClient } from '../../agent/local/client.ts';
import { messageOf } from '../../shared/base/errors.ts';
import type { Device } from '../../shared/model/device.ts';
import type { Event } from '../../shared/model/event.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import { READY_LINE } from '../bench/small-machine.ts';
import type { World } from '../e2e/world.ts';
import type { ToldEvent } from '../tools/event-journal.ts';
import { compareTold, readHeld, readJournal, toldBy } from '../tools/event-journal.ts';
import { findUnmarked } from './busy.ts';
import type { Operator } from './operator.ts';
import { graceOf, memoryOf } from './operator.ts';
import type { ProcessWatch } from './process-watch.ts';

interface Remains {
  readonly world: World;
  readonly device: string;
  readonly door: LocalClient;
  readonly operator: Operator;
  /** The machines that nobody touched: uid by name. */
  readonly steady: ReadonlyMap<string, string>;
  /** Those that operators started, stopped and changed, likewise. */
  readonly busy: ReadonlyMap<string, string>;
  /** The reasons of orders that the box said yes to. */
  readonly orders: readonly string[];
  readonly watch: ProcessWatch;
}

/** KubeVirt's word at the hub for each state on the box that a machine may come to rest in. */
const PRINTABLE: Readonly<Record<string, string>> = {
  Running: 'Running',
  Stopped: 'Stopped',
  BackOff: 'CrashLoopBackOff',
};

/** What does not agree between hub and box, and what was lost, doubled or restarted, as sentences. */
export async function findProblems(remains: Remains): Promise<string[]> {
  try {
    const parts = [
      await compareStates(remains),
      await compareEvents(remains),
      findRestarts(remains),
      findUnmarked(remains.world, remains.device, remains.busy),
    ];
    return parts.flat();
  } catch (error) {
    return [messageOf(error)];
  }
}

async function compareStates({ world, device, door, operator }: Remains): Promise<string[]> {
  const problems: string[] = [];
  const agree = (what: string, box: unknown, hub: unknown) => {
    if (box !== hub) problems.push(`${what}: ${String(box)} on the box, ${String(hub)} at the hub`);
  };
  const { link, outbox, desired, machines } = await door.status();
  if (link.state !== 'up') problems.push('the link is down');
  if (outbox.pending > 0) problems.push(`${outbox.pending} reports wait on the box`);
  const { status } = await get<Device>(world, 'device', device);
  agree('generation', desired.generation, status?.desiredGeneration);
  agree('generation held', desired.generation, status?.observedGeneration);

  const held = readHeld<DesiredMachine>(world.agentDir(device));
  for (const { name, state } of machines) {
    const machine = await operator.read(name);
    problems.push(...operator.check(machine));
    agree(`grace of ${name}`, held.get(name)?.spec.terminationGracePeriodSeconds, graceOf(machine.spec));
    agree(`strategy of ${name}`, held.get(name)?.runStrategy, machine.spec.runStrategy);
    const heldMemory = held.get(name)?.spec.domain.memory?.guest;
    agree(`memory of ${name}`, heldMemory, memoryOf(machine.spec));
    agree(`state of ${name}`, PRINTABLE[state] ?? state, machine.status?.printableStatus);
  }
  return problems;
}

async function compareEvents({ world, device, steady, busy, operator, orders }: Remains): Promise<string[]> {
  const { items } = await get<{ items: Event[] }>(world, 'events');
  const hub = toldBy(device, items);
  const differ = compareTold(readJournal(world.agentDir(device)), hub);
  const count = (select: (event: ToldEvent) => boolean) => hub.filter(select).length;

  const ordersTold = orders.flatMap((order) => {
    const times = count(({ reason, message }) => reason === 'LocalOrder' && message.endsWith(order));
    return times === 1 ? [] : [`"${order}" is told of ${times} times`];
  });
  const restarted = [...steady.keys()].filter(
    (name) => count(({ machine, reason }) => machine === name && reason === 'Started') !== 1,
  );
  const startedUnasked = [...busy.keys()].flatMap((name) => {
    const times = count(({ machine, reason }) => machine === name && reason === 'Started');
    const most = operator.stopsAsked(name) + 1;
    return times <= most ? [] : [`${name} was started ${times} times, with ${most} starts asked for`];
  });
  return [
    ...(differ === undefined ? [] : [differ]),
    ...ordersTold,
    ...startedUnasked,
    ...restarted.map((name) => `${name} is not said to have started once`),
  ];
}

function findRestarts({ world, device, steady, busy, operator, watch }: Remains): string[] {
  const doubled = watch.doubled().map((uid) => `${uid} had two QEMUs at once`);
  const restarted = [...steady].flatMap(([name, uid]) => {
    const processes = watch.seen(uid);
    const boots = world.console(device, uid).split(READY_LINE).length - 1;
    return processes.length === 1 && boots === 1
      ? []
      : [`${name} had ${processes.length} processes (${processes.join(', ')}) and booted ${boots} times`];
  });
  // The first of them was before the processes were watched.
  const unasked = [...busy].flatMap(([name, uid]) => {
    const processes = watch.seen(uid).length;
    const most = operator.stopsAsked(name);
    return processes <= most ? [] : [`${name} had ${processes} processes, with ${most} asked for`];
  });
  return [...doubled, ...restarted, ...unasked];
}

async function get<T>(world: World, ...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await world.tryKubectl(['get', ...args, '-o', 'json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}
