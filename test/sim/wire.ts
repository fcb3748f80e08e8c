import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How bad a wire is, as chances from 0 to 1; a good one has them all at 0. */
export interface Weather {
  /** Messages that a broker takes and does not pass on. */
  drop: number;
  double: number;
  reorder: number;
  /** Messages that take much longer, and hold up those behind them. */
  delay: number;
}

export const FAIR: Readonly<Weather> = { drop: 0, double: 0, reorder: 0, delay: 0 };

/**
 * The way between a device and the broker. Control is what TCP and MQTT do among themselves: it comes in order and
 * once, or not at all. Of messages, what the weather says may be lost, doubled, late or out of order.
 */
export interface Wire {
  /** Calls `arrive` at the far end; `arrived` is false where the broker got the message and dropped it. */
  up(arrive: (arrived: boolean) => void, sort: Sort): void;
  down(arrive: (arrived: boolean) => void, sort: Sort): void;
  latencyMs(): number;
  setWeather(weather: Weather): void;
  /** Blocks a direction, or both; what is under way waits, as TCP would have it, for as long as its ends do. */
  block(direction: Direction): void;
  unblock(): void;
  isBlocked(): boolean;
  /** Calls on to `cut` when the message is the one that a cut waits for. */
  published(channel: string, cut: () => void): void;
  /** Cuts the connection in the middle of the next desired document. */
  cutAtNextDesired(): void;
  open(): void;
}

export type Direction = 'up' | 'down' | 'both';
type Sort = 'control' | 'message';

const LATENCY_MS = [5, 120] as const;
const LONGEST_DELAY_MS = 25_000;

interface Way {
  blocked: boolean;
  waiting: (() => void)[];
  /** Nothing arrives before what was sent before it. */
  clearAtMs: number;
}

export function createWire(scheduler: Scheduler, random: SeededRandom, count: (what: string) => void): Wire {
  const ways = {
    up: { blocked: false, waiting: [], clearAtMs: 0 } as Way,
    down: { blocked: false, waiting: [], clearAtMs: 0 } as Way,
  };
  let weather: Weather = FAIR;
  let cutArmed = false;
  const latencyMs = () => random.between(...LATENCY_MS);

  function carry(direction: 'up' | 'down', arrive: (arrived: boolean) => void, sort: Sort): void {
    const way = ways[direction];
    if (way.blocked) {
      way.waiting.push(() => carry(direction, arrive, sort));
      return;
    }
    const isMessage = sort === 'message';
    const nowMs = scheduler.nowMs();
    let delayMs = latencyMs();
    if (isMessage && random.chance(weather.delay)) {
      count('delay');
      delayMs += random.between(500, LONGEST_DELAY_MS);
    }
    const isOutOfOrder = isMessage && random.chance(weather.reorder);
    if (isOutOfOrder) {
      count('reorder');
      delayMs += random.between(0, 4_000);
    }
    const atMs = isOutOfOrder ? nowMs + delayMs : Math.max(nowMs + delayMs, way.clearAtMs);
    if (!isOutOfOrder) way.clearAtMs = atMs;
    const isDropped = isMessage && random.chance(weather.drop);
    if (isDropped) count('drop');
    const deliver = (given: boolean) => {
      // Blocked meanwhile: it is on its way again when the way is free.
      if (way.blocked) way.waiting.push(() => deliver(given));
      else arrive(given);
    };
    scheduler.at(atMs, direction, () => deliver(!isDropped));
    if (isMessage && !isDropped && random.chance(weather.double)) {
      count('double');
      scheduler.at(atMs + random.between(0, 3_000), direction, () => deliver(true));
    }
  }

  return {
    latencyMs,
    up: (arrive, sort) => carry('up', arrive, sort),
    down: (arrive, sort) => carry('down', arrive, sort),
    setWeather(next) {
      weather = next;
    },
    block(direction) {
      if (direction !== 'down') ways.up.blocked = true;
      if (direction !== 'up') ways.down.blocked = true;
    },
    unblock() {
      for (const way of Object.values(ways)) {
        way.blocked = false;
        for (const go of way.waiting.splice(0)) go();
      }
    },
    isBlocked: () => ways.up.blocked || ways.down.blocked,
    published(channel, cut) {
      if (!cutArmed || channel !== 'desired') return;
      cutArmed = false;
      count('cut in a document');
      cut();
    },
    cutAtNextDesired() {
      cutArmed = true;
    },
    open() {
      ways.up.clearAtMs = scheduler.nowMs();
      ways.down.clearAtMs = scheduler.nowMs();
    },
  };
}
