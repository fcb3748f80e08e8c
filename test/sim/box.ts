import Database from 'better-sqlite3';
import type { Agent } from '../../agent/agent.ts';
import { createAgent } from '../../agent/agent.ts';
import type { OrderVerb } from '../../agent/plan/order.ts';
import type { AcceleratorProbe, Facts, Store } from '../../agent/ports.ts';
import { createStoreIn } from '../../agent/store/store.ts';
import type { BoxDisk } from './box-disk.ts';
import { createBoxDisk } from './box-disk.ts';
import type { Ground } from './ground.ts';
import type { Life } from './life.ts';
import { createLife } from './life.ts';
import { watchStore } from './seen-store.ts';
import type { ClockHands } from './sim-clock.ts';
import { createSimClock } from './sim-clock.ts';
import type { SimDisk } from './sim-database.ts';
import { gateDatabase } from './sim-database.ts';
import type { ImageFolder } from './sim-images.ts';
import { createSimImages } from './sim-images.ts';
import { createSimLog } from './sim-log.ts';
import { createSimMachines } from './sim-machines.ts';
import type { SeenStore } from './witness.ts';
import { createPendingFacts } from './witness.ts';
import { NO_EQUIPMENT } from '../tools/equipment.ts';

/** How soon the box's supervisor starts an agent that ended, and how long the box takes to boot. */
const RESTART_MS = [500, 8_000] as const;
const BOOT_MS = [20_000, 90_000] as const;

/** A box: hardware, disks and QEMU processes, and the agent that is now and then there. */
export interface Box {
  readonly name: string;
  readonly disk: BoxDisk;
  readonly hands: ClockHands;
  /** What the agent's store lies on. */
  readonly storeDisk: SimDisk;
  /** The agent's store as the agent that runs now has it; undefined while none does. */
  store(): Store | undefined;
  life(): Life | undefined;
  start(): void;
  /** Has the agent crash after so many of its next steps, 0 being now. */
  crashAgent(steps: number): void;
  cutPower(): void;
  /** Deletes the agent's store and starts the agent anew. */
  loseStore(): void;
  order(verb: OrderVerb, machine: string): void;
}

export function createBox(ground: Ground, name: string): Box {
  const { scheduler, network, witness, bugs } = ground;
  const random = ground.random.fork(name);
  const hands: ClockHands = { skewMs: 0, drift: 0, bootedAtMs: 0 };
  const storeDisk: SimDisk = { roomWrites: Infinity, refused: () => ground.count('agent disk full') };
  const images: ImageFolder = { ready: new Map() };
  const disk = createBoxDisk(scheduler, random.fork('disk'), {
    starting: (uid, live) => witness.starting(name, uid, live),
    ending: (uid, how, process) => witness.ending(name, uid, how, process),
    removing: (uid, machine) => witness.removing(name, uid, machine),
    madeDisk: (uid, dataVolume) => witness.madeDisk(name, uid, dataVolume),
    startFailed: () => ground.count('starts fail'),
  });
  let bootId = random.uuid();
  let database = new Database(':memory:');
  let seen: SeenStore = { device: name, number: 0 };
  let now: { life: Life; agent: Agent; store: Store } | undefined;
  let cancelStart = () => {};

  function startLater(delayMs: number): void {
    now = undefined;
    cancelStart();
    cancelStart = scheduler.at(scheduler.nowMs() + delayMs, `${name} starts`, start);
  }

  function ended(): void {
    scheduler.note(name, 'the agent crashed');
    network.abandon(name, true);
    startLater(random.between(...RESTART_MS));
  }

  function start(): void {
    const life = createLife(scheduler, name, ended);
    try {
      const { agent, store } = createAgentIn(life);
      now = { life, agent, store };
      agent.start();
    } catch (error) {
      scheduler.note(name, `the agent could not start: ${String(error)}`);
      life.end();
      startLater(5_000);
    }
  }

  function createAgentIn(life: Life): { agent: Agent; store: Store } {
    const place = { device: name, life, disk };
    const clock = bugs.agentClock(createSimClock(scheduler, life, hands));
    const facts = createPendingFacts();
    const gated = gateDatabase(database, { life, disk: storeDisk, ...facts });
    const raw = watchStore(createStoreIn(gated, name, random), seen, facts, witness);
    const store = bugs.agentStore(raw, place);
    const machines = createSimMachines({ disk, life, clock, bootId });
    const agent = createAgent(
      {
        device: name,
        version: '0.0.0',
        bootId,
        equipment: NO_EQUIPMENT,
        identity: { hostname: name, addresses: [] },
      },
      {
        store,
        machines: bugs.machines(machines, place),
        probes: { run: async () => ({ ok: true, detail: 'not tried' }) },
        images: createSimImages({
          server: ground.images,
          folder: images,
          life,
          clock,
          random,
          fetchMs: [500, 60_000],
        }),
        link: bugs.link(network.linkOf(name, life), place),
        facts: createFacts(life, bootId),
        accelerator: createProbe(life),
        clock,
        random,
        log: createSimLog(scheduler, name, ground.isShown),
      },
    );
    return { agent, store: raw };
  }

  return {
    name,
    disk,
    hands,
    storeDisk,
    store: () => now?.store,
    life: () => now?.life,
    start,
    crashAgent(steps) {
      if (now === undefined) return;
      if (steps > 0) return now.life.crashAfter(steps);
      now.life.end();
      ended();
    },
    cutPower() {
      now?.life.end();
      network.abandon(name, false);
      disk.losePower();
      bootId = random.uuid();
      hands.bootedAtMs = scheduler.nowMs();
      startLater(random.between(...BOOT_MS));
    },
    loseStore() {
      now?.life.end();
      network.abandon(name, true);
      witness.storeLost(seen);
      seen = { device: name, number: seen.number + 1 };
      database = new Database(':memory:');
      startLater(random.between(...RESTART_MS));
    },
    order(verb, machine) {
      if (now === undefined) return;
      const { life, agent } = now;
      life.after(0, 'local order', () => {
        try {
          agent.door.order(verb, machine, 'the simulation says so');
        } catch (error) {
          scheduler.note(name, `order ${verb} of ${machine} refused: ${String(error)}`);
          return;
        }
        witness.ordered(name, machine, verb);
      });
    },
  };
}

function createFacts(life: Life, bootId: string): Facts {
  return {
    async read() {
      await life.pause(150, 'reading facts');
      return {
        agentVersion: '0.0.0',
        nodeVersion: 'v0',
        operatingSystem: 'sim',
        kernel: 'sim',
        bootId,
        cpuModel: 'sim',
        cpuCores: 4,
        memoryBytes: 2 ** 33,
        diskBytes: 2 ** 38,
      };
    },
    async measure() {
      await life.pause(50, 'measuring');
      return { memoryAvailableBytes: 2 ** 32, diskAvailableBytes: 2 ** 37, loadAverage: 0.1 };
    },
  };
}

function createProbe(life: Life): AcceleratorProbe {
  return {
    async detect() {
      await life.pause(800, 'trying the accelerator');
      return { accelerator: 'kvm', reason: 'simulated' };
    },
  };
}
