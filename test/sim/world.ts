import { createHash } from 'node:crypto';
import type { KindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import type { Box } from './box.ts';
import { createBox } from './box.ts';
import type { Bugs, Ground } from './ground.ts';
import type { HubHost } from './hub-host.ts';
import { createHubHost } from './hub-host.ts';
import { IMAGE_URLS } from './images-offered.ts';
import type { Network } from './network.ts';
import { createNetwork } from './network.ts';
import type { Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ImageServer } from './sim-images.ts';
import { STEPS } from './steps.ts';
import { FAIR } from './wire.ts';
import type { Witness } from './witness.ts';

export interface World {
  readonly plan: Plan;
  readonly network: Network;
  readonly hub: HubHost;
  readonly images: ImageServer;
  readonly witness: Witness;
  readonly operator: Operator;
  readonly boxes: readonly Box[];
  readonly box: (name: string) => Box;
  readonly nowMs: () => number;
  readonly count: (what: string) => void;
  /** Starts everything, and has the plan's steps take place. */
  begin(): void;
  /** Faults stop: what is broken works again. */
  calm(): void;
}

/** What operators know of what they did. */
interface Operator {
  readonly names: ReadonlySet<string>;
  newName(): string;
  forget(name: string): void;
}

export interface WorldOptions {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly witness: Witness;
  readonly bugs: Bugs;
  readonly schemas: KindSchemas;
  readonly isShown: boolean;
  readonly count: (what: string) => void;
}

/** Clocks of boxes are off by this much at most, and go wrong by this much. */
const MOST_SKEW_MS = 120_000;
const MOST_DRIFT = 0.0002;

export function createWorld(options: WorldOptions): World {
  const { plan, scheduler, random, witness, count } = options;
  const network = createNetwork({
    scheduler,
    devices: plan.devices,
    count,
    random: random.fork('network'),
    carried(device, channel, payload) {
      scheduler.mix(`${device} ${channel} ${payload.length}`);
      witness.carried(device, channel, payload);
    },
  });
  const images: ImageServer = { isUp: true, contents: new Map(IMAGE_URLS.map((url) => [url, hashOf(url)])) };
  const ground: Ground = { ...options, network, images };
  const hub = createHubHost(ground, plan.brokerIsInside);
  const boxes = plan.devices.map((device) => createBox(ground, device));
  const clocks = random.fork('clocks');
  for (const { hands } of boxes) {
    hands.skewMs = clocks.between(-MOST_SKEW_MS, MOST_SKEW_MS);
    hands.drift = clocks.between(-MOST_DRIFT, MOST_DRIFT);
  }
  const ends = new Set<() => void>();
  const names = new Set<string>();
  let made = 0;

  const world: World = {
    plan,
    network,
    hub,
    images,
    witness,
    boxes,
    count,
    nowMs: () => scheduler.nowMs(),
    operator: {
      names,
      newName() {
        made += 1;
        names.add(`vm-${made}`);
        return `vm-${made}`;
      },
      forget: (name) => void names.delete(name),
    },
    box(name) {
      const box = boxes.find((one) => one.name === name);
      if (box === undefined) throw new Error(`bug: no box ${name}`);
      return box;
    },
    begin() {
      hub.start();
      for (const box of boxes) scheduler.at(random.between(0, 5_000), 'box starts', () => box.start());
      for (const step of plan.steps) {
        scheduler.at(step.atMs, step.kind, () => {
          scheduler.note('plan', describeStep(step));
          const end = STEPS[step.kind].apply(world, step);
          if (end === undefined) return;
          ends.add(end);
          scheduler.at(step.atMs + step.forMs, 'a step ends', () => {
            if (ends.delete(end)) end();
          });
        });
      }
    },
    calm() {
      scheduler.note('plan', 'faults stop');
      for (const end of ends) end();
      ends.clear();
      for (const device of plan.devices) {
        network.wire(device).setWeather(FAIR);
        network.wire(device).unblock();
      }
    },
  };
  return world;
}

export function describeStep({ kind, device, forMs }: Plan['steps'][number]): string {
  return `${kind} (${device}${forMs === 0 ? '' : `, for ${Math.round(forMs / 1000)} s`})`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
