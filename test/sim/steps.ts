import type { Step } from './plan.ts';
import type { World } from './world.ts';
import type { GuestEvent } from './box-disk.ts';
import { FAIR } from './wire.ts';
import { OPERATOR_STEPS } from './operator-steps.ts';

/** What can befall a world. Each kind says how often, for how long, and what it does. */
export interface StepDefinition {
  /** How often, against the others. */
  readonly weight: number;
  /** Milliseconds, for those that are over after a time. */
  readonly forMs?: readonly [least: number, most: number];
  /** The result, where there is one, ends it. Undefined counts as not having happened where it says so itself. */
  readonly apply: (world: World, step: Step) => (() => void) | void;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SHORT = [5_000, 20 * MINUTE_MS] as const;
const LONG = [5_000, 8 * HOUR_MS] as const;

/** How many steps of a process pass at most before it crashes. */
const CRASH_WITHIN_STEPS = 40;

const crashSteps = ({ amount }: Step) => Math.floor(amount * amount * CRASH_WITHIN_STEPS);

function weather(name: 'drop' | 'double' | 'reorder' | 'delay', most: number): StepDefinition {
  return {
    weight: 2,
    // Devices say little: weather has to last for there to be a message in it.
    forMs: [10 * MINUTE_MS, 4 * HOUR_MS],
    apply({ network }, { device, amount }) {
      network.wire(device).setWeather({ ...FAIR, [name]: amount * most });
      return () => network.wire(device).setWeather(FAIR);
    },
  };
}

function partition(direction: 'up' | 'down' | 'both'): StepDefinition {
  return {
    weight: direction === 'both' ? 3 : 1.5,
    forMs: LONG,
    apply({ network, count }, { device }) {
      count(`partition ${direction}`);
      network.wire(device).block(direction);
      return () => network.wire(device).unblock();
    },
  };
}

function guestEvent(event: GuestEvent, weight: number): StepDefinition {
  return {
    weight,
    apply({ box, count }, { device, number }) {
      const { disk } = box(device);
      const running = disk.uids().filter((uid) => disk.find(uid)?.process?.runState === 'running');
      const uid = running[number % running.length];
      if (uid === undefined) return;
      count(event);
      disk.guestEvent(uid, event);
    },
  };
}

const FAULT_STEPS = {
  'weather drop': weather('drop', 0.6),
  'weather double': weather('double', 0.6),
  'weather reorder': weather('reorder', 0.5),
  'weather delay': weather('delay', 0.5),
  'partition both': partition('both'),
  'partition up': partition('up'),
  'partition down': partition('down'),
  'connection cut': {
    weight: 2,
    apply({ network, count }, { device }) {
      if (network.connectedSinceMs(device) === undefined) return;
      count('connection cut');
      network.cut(device);
    },
  },
  'cut in a document': {
    weight: 1,
    apply: ({ network }, { device }) => network.wire(device).cutAtNextDesired(),
  },
  'broker restart': {
    weight: 0.7,
    forMs: [500, 10 * MINUTE_MS],
    apply({ network, count }) {
      count('broker restart');
      network.stopBroker();
      return () => network.startBroker();
    },
  },
  'agent crash': {
    weight: 3,
    apply({ box, count }, step) {
      if (box(step.device).life() === undefined) return;
      count('agent crash');
      box(step.device).crashAgent(crashSteps(step));
    },
  },
  'hub crash': {
    weight: 2,
    apply({ hub, count }, step) {
      if (hub.life() === undefined) return;
      count('hub crash');
      hub.crash(crashSteps(step) * 2);
    },
  },
  'power cut': {
    weight: 1,
    apply({ box, count }, { device }) {
      count('power cut');
      box(device).cutPower();
    },
  },
  'agent store lost': {
    weight: 0.2,
    apply({ box, count }, { device }) {
      count('agent store lost');
      box(device).loseStore();
    },
  },
  'hub backup': {
    weight: 1,
    apply({ hub, count }) {
      if (hub.backUp()) count('hub backup');
    },
  },
  'hub database lost': {
    weight: 0.1,
    apply({ hub, count }) {
      count('hub database lost');
      hub.loseDatabase();
    },
  },
  'hub restored': {
    weight: 0.2,
    apply({ hub, count }) {
      if (hub.restore()) count('hub restored');
    },
  },
  'agent frozen': {
    weight: 1,
    forMs: [1_000, 3 * MINUTE_MS],
    apply({ box, count, nowMs }, { device, forMs }) {
      const life = box(device).life();
      if (life === undefined) return;
      count('agent frozen');
      life.freeze(nowMs() + forMs);
    },
  },
  'hub frozen': {
    weight: 0.5,
    forMs: [1_000, 3 * MINUTE_MS],
    apply({ hub, count, nowMs }, { forMs }) {
      const life = hub.life();
      if (life === undefined) return;
      count('hub frozen');
      life.freeze(nowMs() + forMs);
    },
  },
  'agent disk full': {
    weight: 1,
    forMs: SHORT,
    apply({ box }, { device, number }) {
      box(device).storeDisk.roomWrites = number % 30;
      return () => (box(device).storeDisk.roomWrites = Infinity);
    },
  },
  'hub disk full': {
    weight: 0.5,
    forMs: SHORT,
    apply({ hub }, { number }) {
      hub.storeDisk.roomWrites = number % 50;
      return () => (hub.storeDisk.roomWrites = Infinity);
    },
  },
  'box disk full': {
    weight: 0.7,
    forMs: SHORT,
    apply({ box, count }, { device }) {
      count('box disk full');
      box(device).disk.setRoom(false);
      return () => box(device).disk.setRoom(true);
    },
  },
  'clock jump': {
    weight: 1,
    apply({ box, hub, count }, { device, amount, number }) {
      count('clock jump');
      const { hands } = number % 5 === 0 ? hub : box(device);
      hands.skewMs += (amount - 0.5) * (number % 3 === 0 ? 10 * 365 * 24 * HOUR_MS : 2 * HOUR_MS);
    },
  },
  'image server down': {
    weight: 0.7,
    forMs: LONG,
    apply({ images, count }) {
      count('image server down');
      images.isUp = false;
      return () => (images.isUp = true);
    },
  },
  'starts fail': {
    weight: 0.7,
    apply: ({ box }, { device, number }) => box(device).disk.failStarts(1 + (number % 3)),
  },
  'guest shutdown': guestEvent('guest shutdown', 0.7),
  'guest panic': guestEvent('guest panic', 0.5),
  'QEMU dies': guestEvent('QEMU dies', 1),
  'io-error': guestEvent('io-error', 0.5),
  'monitor silent': guestEvent('monitor silent', 0.5),
} satisfies Record<string, StepDefinition>;

export type StepKind = keyof typeof FAULT_STEPS | keyof typeof OPERATOR_STEPS;
export const STEPS: Readonly<Record<StepKind, StepDefinition>> = { ...FAULT_STEPS, ...OPERATOR_STEPS };

/** All that is counted when it really happened: a soak in which one of these never did has not tried it. */
export const COUNTED: readonly string[] = [
  ...Object.keys(STEPS).map((kind) => kind.replace(/^weather /, '')),
  'takeover',
];
