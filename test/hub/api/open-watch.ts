import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Clock } from '../../../shared/ports.ts';
import type { ApiBody } from './start-api.ts';

export interface Timers {
  readonly clock: Clock;
  /** Has those of a delay go off. */
  goOff(delayMs: number): void;
  /** Whether one of a delay waits to go off. */
  pending(delayMs: number): boolean;
}

/** The host's time, with timers that go off when the test says so. */
export function createTimers(): Timers {
  const timers = new Set<{ readonly delayMs: number; readonly run: () => void }>();
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, run) {
      const timer = { delayMs, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    turn: () => Promise.resolve(),
  };
  return {
    clock,
    goOff(delayMs) {
      for (const timer of [...timers].filter((each) => each.delayMs === delayMs)) {
        timers.delete(timer);
        timer.run();
      }
    },
    pending: (delayMs) => [...timers].some((timer) => timer.delayMs === delayMs),
  };
}

export interface Seen {
  readonly type: string;
  readonly object: ApiBody;
}

export interface Watching {
  /** Waits for `count` events in all. */
  readonly events: (count: number) => Promise<Seen[]>;
  /** Resolves with every event when the hub ends the watch. */
  readonly ended: Promise<Seen[]>;
}

export async function openWatch(url: string, headers: Record<string, string>): Promise<Watching> {
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  const seen: Seen[] = [];
  async function read(): Promise<Seen[]> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const part of response.body ?? []) {
      const lines = `${rest}${decoder.decode(part, { stream: true })}`.split('\n');
      rest = lines.pop() ?? '';
      seen.push(...lines.map((line) => JSON.parse(line) as Seen));
    }
    return seen;
  }
  const ended = read();
  // A watch that is cut off at the end of a test is no failure of it.
  ended.catch(() => {});
  return {
    ended,
    async events(count) {
      for (let left = 500; seen.length < count && left > 0; left -= 1) await sleep(10);
      expect(seen.length).toBeGreaterThanOrEqual(count);
      return seen;
    },
  };
}
