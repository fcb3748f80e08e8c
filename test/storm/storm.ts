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
import { compileBusyMachine, markDisks } from './busy.ts';
import { createHands } from './hands.ts';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { findServer } from '../../hub/operator/find-server.ts';
import { createOperator } from './operator.ts';
import type { BrokerName, Part } from './parts.ts';
import { createParts } from './parts.ts';
import { watchProcesses } from './process-watch.ts';

/** The box, and its machines: guests that nobody touches, one that falls over and is ordered about on the box, and
 * those that operators start, stop and change. */
const DEVICE = 'edge-1';
const VICTIM = 'victim';

/** The part of all kills that come just after an order on the box. */
const AIMED = 0.6;
/** The part of all starts that are let to come to their end. */
const LIVES = 0.7;
/** Likewise of an agent that is killed more often than else. */
const HUNTED_LIVES = 0.35;
const BOOT_LIMIT_MS = 600_000;
/** How often it is said what has happened so far. */
const TELL_EVERY_MS = 30_000;
/** The longest that an agent waits for an answer from a hub that was killed, and what is to be done then. */
const CALM_LIMIT_MS = 120_000;
/** Between one thing that happens and the next, for each of those that make them happen. */
const PAUSES_MS = {
  kill: { shortest: 200, longest: 8_000 },
  down: { shortest: 0, longest: 2_000 },
  hunted: { shortest: 0, longest: 2_500 },
  aim: { shortest: 0, longest: 60 },
  edit: { shortest: 200, longest: 1_500 },
  order: { shortest: 300, longest: 2_000 },
  crash: { shortest: 500, longest: 3_000 },
} as const;

export interface StormOptions {
  readonly world: World;
  readonly broker: BrokerName;
  readonly seconds: number;
  /** How many machines there are that nobody touches. */
  readonly machines: number;
  /** How many there are that operators start, stop and change. */
  readonly busy: number;
  /** The storm goes on until the agent has been killed so often, and it is killed more often than else. */
  readonly agentKills?: number;
  /** Ends the storm before its time; what is left is looked at all the same. */
  readonly enough?: AbortSignal;
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

/** Kills hub, broker and agent over and over while people work and machines fall over, and looks at what is left. */
export async function raiseStorm(options: StormOptions): Promise<Outcome> {
  const { world, broker, seconds, seed, progress, agentKills = 0 } = options;
  const kernels = join(world.folder, 'kernels');
  copyKernel(kernels);
  const parts = await createParts(world, DEVICE, broker, kernels);
  const door = createLocalClient(world.agentDir(DEVICE));
  const operator = createOperator(() => findServer(parse(readFileSync(world.kubeconfig, 'utf8'))));
  const counts: Record<string, number> = {};
  const count = (what: string) => void (counts[what] = (counts[what] ?? 0) + 1);
  let telling: NodeJS.Timeout | undefined;

  try {
    for (const part of parts) await part.start();
    await keepJournal(world.agentDir(DEVICE));
    await waitFor('the link', async () => (await door.status()).link.state === 'up');
    progress(`waiting for ${options.machines} guests`);
    const busyNames = Array.from({ length: options.busy }, (_, index) => `busy-${index + 1}`);
    const steady = await bootMachines(world, kernels, options.machines, busyNames);
    const busy = await markDisks(world, DEVICE, operator, busyNames);
    const victimUid = (await operator.read(VICTIM)).metadata.uid ?? '';
    const names = { steady: [...steady.keys()], busy: busyNames, victim: VICTIM };
    const hands = createHands({ door, operator, ...names, count });
    const watch = watchProcesses(() => world.qemus(DEVICE));

    progress(`storm of ${seconds} s, seed ${seed}`);
    telling = setInterval(() => progress(formatCounts(counts)), TELL_EVERY_MS);
    const untilMs = Date.now() + seconds * 1_000;
    const isOver = () =>
      options.enough?.aborted === true ||
      (Date.now() >= untilMs && (counts['agent killed'] ?? 0) >= agentKills);
    /** Does something again and again, at moments of its own, until the storm is over. */
    const keepOn = async (
      kind: keyof typeof PAUSES_MS,
      number: number,
      happen: (fraction: () => number) => Promise<void>,
    ) => {
      const fraction = createSeededFractions(seed * 100 + number);
      while (!isOver()) {
        await sleep(pauseMs(kind, fraction()));
        await happen(fraction);
      }
    };
    const killAndStart = (part: Part, lives: number) => async (fraction: () => number) => {
      // What is on its way is what can be lost: something often is.
      if (fraction() < AIMED) {
        await hands.order(fraction);
        await sleep(pauseMs('aim', fraction()));
      }
      await part.kill();
      count(`${part.name} killed`);
      await sleep(pauseMs('down', fraction()));
      const up = part.start().catch((error: unknown) => progress(`${part.name}: ${String(error)}`));
      // Otherwise it is killed in the middle of its start, and it is the next that has to be up.
      if (fraction() < lives) await up;
    };
    await Promise.all([
      keepOn('edit', 1, (fraction) => hands.edit(fraction)),
      keepOn('order', 2, (fraction) => hands.order(fraction)),
      keepOn('crash', 3, async () => {
        if (crash(world, victimUid)) count('machines crashed');
      }),
      ...parts.map((part, index) => {
        const isHunted = part.name === 'agent' && agentKills > 0;
        return keepOn(
          isHunted ? 'hunted' : 'kill',
          4 + index,
          killAndStart(part, isHunted ? HUNTED_LIVES : LIVES),
        );
      }),
    ]);

    clearInterval(telling);
    progress('calm');
    const calmAtMs = Date.now();
    const look = () =>
      findProblems({ world, device: DEVICE, door, operator, steady, busy, orders: hands.ordered, watch });
    let problems = await look();
    while (problems.length > 0 && Date.now() - calmAtMs < CALM_LIMIT_MS) {
      await sleep(500);
      problems = await look();
    }
    watch.stop();
    const convergeSeconds = Math.round((Date.now() - calmAtMs) / 1_000);
    return { counts: { ...counts, 'seconds to converge': convergeSeconds }, problems };
  } finally {
    clearInterval(telling);
    for (const part of parts) await part.kill();
  }
}

/** How often each thing happened, in a line. */
export function formatCounts(counts: Outcome['counts']): string {
  return Object.entries(counts)
    .map(([what, times]) => `${what} ${times}`)
    .join(', ');
}

/** Creates the machines and waits until all run and the guests are up; the uids of those to be left alone, by name. */
async function bootMachines(
  world: World,
  kernels: string,
  count: number,
  busy: readonly string[],
): Promise<Map<string, string>> {
  const names = Array.from({ length: count }, (_, index) => `steady-${index + 1}`);
  for (const name of names) await apply(world, compileSmallMachine(name, DEVICE, kernels));
  for (const name of busy) await apply(world, compileBusyMachine(name, DEVICE));
  await apply(world, compileIdleMachine(VICTIM, DEVICE));
  const door = createLocalClient(world.agentDir(DEVICE));
  return waitFor(
    'every machine',
    async () => {
      const { machines } = await door.status();
      const running = machines.filter(({ state }) => state === 'Running');
      if (running.length < count + busy.length + 1) return undefined;
      const steady = running.filter(({ name }) => names.includes(name));
      const areUp = steady.every(({ uid }) => world.console(DEVICE, uid).includes(READY_LINE));
      return areUp && new Map(steady.map(({ name, uid }) => [name, uid]));
    },
    BOOT_LIMIT_MS,
  );
}

async function apply(world: World, manifest: object): Promise<void> {
  const { code, stderr } = await world.tryKubectl(['apply', '-f', '-'], JSON.stringify(manifest));
  if (code !== 0) throw new Error(stderr);
}

/** Ends the QEMU of a machine, if it has one. */
function crash(world: World, victimUid: string): boolean {
  const found = world.qemus(DEVICE).find(({ uid }) => uid === victimUid);
  if (found === undefined) return false;
  try {
    process.kill(found.pid, 'SIGKILL');
    return true;
  } catch {
    // It had just ended.
    return false;
  }
}

function pauseMs(kind: keyof typeof PAUSES_MS, fraction: number): number {
  const { shortest, longest } = PAUSES_MS[kind];
  return shortest + fraction * (longest - shortest);
}
