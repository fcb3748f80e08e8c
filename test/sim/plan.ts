import type { SeededRandom } from './seeded-random.ts';
import type { StepKind } from './steps.ts';
import { STEPS } from './steps.ts';

/** One thing that befalls a world, or that an operator does in it: data, so that a plan can be told and cut down. */
export interface Step {
  readonly atMs: number;
  readonly kind: StepKind;
  readonly device: string;
  /** For how long, where it is over after a time. */
  readonly forMs: number;
  /** From 0 to 1, and a whole number: what they mean is the kind's to say. */
  readonly amount: number;
  readonly number: number;
}

export interface Plan {
  readonly seed: number;
  readonly devices: readonly string[];
  /** When faults stop. */
  readonly calmAtMs: number;
  readonly brokerIsInside: boolean;
  readonly steps: readonly Step[];
}

export interface PlanOptions {
  readonly seed: number;
  readonly devices: number;
  readonly hours: number;
  /** What is to happen much more than anything else. */
  readonly focus?: readonly StepKind[] | undefined;
}

/** For the machines to be there before the weather turns. */
const FIRST_STEP_MS = 60_000;
/** How much happens: so many steps of each weight an hour. */
const STEPS_PER_HOUR = 14;
const FOCUS_WEIGHT = 25;

export function drawPlan(
  { seed, devices: count, hours, focus = [] }: PlanOptions,
  random: SeededRandom,
): Plan {
  const devices = Array.from({ length: count }, (_, index) => `edge-${index + 1}`);
  const calmAtMs = hours * 3_600_000;
  const kinds = Object.keys(STEPS) as StepKind[];
  // Each world has its own sorts of trouble, so that some have a lot of one.
  const weights = kinds.map((kind) => {
    const share = random.chance(0.25) ? 0 : random.between(0.3, 2);
    return STEPS[kind].weight * (focus.includes(kind) ? FOCUS_WEIGHT : share);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const drawKind = (): StepKind => {
    let rest = random.between(0, total);
    for (const [index, weight] of weights.entries()) {
      rest -= weight;
      if (rest < 0) return kinds[index] ?? 'create';
    }
    return 'create';
  };
  const draw = (kind: StepKind, device: string, atMs: number): Step => {
    const [least, most] = STEPS[kind].forMs ?? [0, 0];
    return {
      atMs: Math.round(atMs),
      kind,
      device,
      forMs: Math.round(least + (most - least) * random.fraction() ** 3),
      amount: random.fraction(),
      number: random.below(1_000_000),
    };
  };
  const first = devices.flatMap((device) => [
    draw('create', device, random.between(1_000, FIRST_STEP_MS)),
    draw('create', device, random.between(1_000, 2 * FIRST_STEP_MS)),
  ]);
  const more = Array.from({ length: Math.round(STEPS_PER_HOUR * hours * Math.sqrt(count)) }, () =>
    draw(drawKind(), random.pick(devices), random.between(FIRST_STEP_MS, calmAtMs)),
  );
  const steps = [...first, ...more].toSorted((a, b) => a.atMs - b.atMs);
  return { seed, devices, calmAtMs, brokerIsInside: random.chance(0.6), steps };
}
