import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalClient } from '../../agent/local/client.ts';
import { READY_LINE, compileSmallMachine, copyKernel } from '../bench/small-machine.ts';
import { compileIdleMachine } from '../e2e/idle-machine.ts';
import type { World } from '../e2e/world.ts';
import { keepJournal } from '../tools/event-journal.ts';
import { createSeededFractions } from '../tools/seeded-random.ts';
import { waitFor } from '../tools/wait-for.ts';
import { findProblems } from './aftermath.ts';
import { createOperator } from './operator.ts';
import { watchProcesses } from './process-watch.ts';

/** The box, and its machines: guests that nobody touches, one that falls over and is ordered about on the box, and
 * one that operators start and stop. */
const DEVICE = 'edge-1';
const VICTIM = 'victim';
const SWITCHED = 'switched';
const STEADY = 8;

const BOOT_LIMIT_MS = 180_000;
/** The longest pause of an agent before another try, and what is to be sent and done then. */
const CALM_LIMIT_MS = 90_000;
/** Between one thing that happens and the next, for each of those that make them happen. */
const PAUSES_MS = {
  kill: { shortest: 200, longest: 5_000 },
  down: { shortest: 0, longest: 2_000 },
  edit: { shortest: 200, longest: 1_500 },
  order: { shortest: 500, longest: 3_000 },
} as const;

export interface StormOptions {
  readonly world: World;
  readonly seconds: number;
  /** Decides what happens when; how far the processes have got then is the machine's. */
  readonly seed: number;
  readonly progress: (line: string) => void;
}

export interface Outcome {
  /** How often each thing happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** What was lost, doubled or restarted, or does not agree, as sentences. */
  readonly problems: readonly string[];
}

/** Kills hub and agent over and over while operators edit and machines fall over, and then looks at what is left. */
export async function raiseStorm({ world, seconds, seed, progress }: StormOptions): Promise<Outcome> {
  const steady = Array.from({ length: STEADY }, (_, index) => `steady-${index + 1}`);
  const kernels = join(world.folder, 'kernels');
  const door = createLocalClient(world.agentDir(DEVICE));
  const operator = createOperator(() => world.addresses()?.api ?? '');
  const orders = { granted: [] as string[], asked: 0 };
  const counts: Record<string, number> = {};
  const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1);
  let untilMs = Infinity;

  const startAgent = () => world.startAgent(DEVICE, ['--local-images', kernels, '--keepalive', '20']);
  const processes = { hub: () => world.startHub(), [DEVICE]: async () => startAgent() };

  /** Does something again and again, at moments of its own, until the storm is over. */
  async function keepOn(
    kind: keyof typeof PAUSES_MS,
    number: number,
    happen: (fraction: () => number) => Promise<void>,
  ): Promise<void> {
    const fraction = createSeededFractions(seed * 100 + number);
    while (Date.now() < untilMs) {
      await sleep(pauseMs(kind, fraction()));
      await happen(fraction);
    }
  }

  /** The hub may be killed before it has told its address: the next start tells it. */
  const killAndStart = (name: keyof typeof processes) => async (fraction: () => number) => {
    await world.end(name, 'SIGKILL');
    count(`${name} killed`);
    await sleep(pauseMs('down', fraction()));
    void processes[name]().catch((error: unknown) => progress(`${name}: ${String(error)}`));
  };

  async function edit(fraction: () => number): Promise<void> {
    const isSwitch = fraction() < 0.2;
    const machine = steady[Math.floor(fraction() * steady.length)] ?? '';
    const granted = isSwitch
      ? await operator.setStrategy(SWITCHED, fraction() < 0.5 ? 'Always' : 'Halted')
      : await operator.setGrace(machine, 31 + operator.counts.granted + operator.counts.unanswered);
    count(granted ? 'edits granted' : 'edits without an answer');
  }

  /** An order on the box, and after a start a fall. */
  async function order(fraction: () => number): Promise<void> {
    const verb = fraction() < 0.4 ? 'stop' : 'start';
    orders.asked += 1;
    const reason = `order ${orders.asked}.`;
    try {
      await door.order(verb, VICTIM, reason);
      orders.granted.push(reason);
      count('orders granted');
    } catch {
      count('orders without an answer');
    }
    await sleep(fraction() * 1_000);
    if (fraction() < 0.7) crash();
  }

  function crash(): void {
    for (const { uid, pid } of world.qemus(DEVICE)) {
      if (uid !== victim) continue;
      try {
        process.kill(pid, 'SIGKILL');
        count('machines crashed');
      } catch {
        // It had just ended.
      }
    }
  }

  copyKernel(kernels);
  await world.startHub();
  startAgent();
  await keepJournal(world.agentDir(DEVICE));
  await waitFor('the link', async () => (await door.status()).link.state === 'up');
  for (const name of steady) await world.apply(compileSmallMachine(name, DEVICE, kernels));
  for (const name of [VICTIM, SWITCHED]) await world.apply(compileIdleMachine(name, DEVICE));
  progress(`waiting for ${STEADY} guests`);
  await waitFor('every machine', () => isCalm(steady), BOOT_LIMIT_MS);
  const uids = new Map(steady.map((name) => [name, '']));
  for (const name of uids.keys()) uids.set(name, (await operator.read(name)).metadata.uid ?? '');
  const victim = (await operator.read(VICTIM)).metadata.uid ?? '';

  async function isCalm(names: readonly string[]): Promise<boolean> {
    const { machines } = await door.status();
    const running = machines.filter(({ state }) => state === 'Running').map(({ name }) => name);
    const up = world.qemus(DEVICE).filter(({ uid }) => world.console(DEVICE, uid).includes(READY_LINE));
    return names.every((name) => running.includes(name)) && up.length === names.length;
  }

  progress(`storm of ${seconds} s, seed ${seed}`);
  const watch = watchProcesses(() => world.qemus(DEVICE));
  untilMs = Date.now() + seconds * 1_000;
  await Promise.all([
    keepOn('kill', 1, killAndStart('hub')),
    keepOn('kill', 2, killAndStart(DEVICE)),
    keepOn('edit', 3, edit),
    keepOn('order', 4, order),
  ]);

  progress('calm');
  const calmAtMs = Date.now();
  const look = () =>
    findProblems({ world, device: DEVICE, door, operator, steady: uids, orders: orders.granted, watch });
  let problems = await look();
  while (problems.length > 0 && Date.now() - calmAtMs < CALM_LIMIT_MS) {
    await sleep(500);
    problems = await look();
  }
  watch.stop();
  return {
    counts: { ...counts, 'seconds to converge': Math.round((Date.now() - calmAtMs) / 1000) },
    problems,
  };
}

function pauseMs(kind: keyof typeof PAUSES_MS, fraction: number): number {
  const { shortest, longest } = PAUSES_MS[kind];
  return shortest + fraction * (longest - shortest);
}
