import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store, TimelineEntry } from '../../hub/ports.ts';
import type { Retention } from '../../hub/retention.ts';
import { createRetention } from '../../hub/retention.ts';
import { createStore } from '../../hub/store/store.ts';
import { formatSeconds } from '../../shared/base/time.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import type { ManualClock } from '../shared/manual-clock.ts';
import { createManualClock } from '../shared/manual-clock.ts';

/** What is past its time goes, and nothing waits for that. */

const HOUR_MS = 3_600_000;
const ROUND_MS = 10 * 60_000;

let store: Store;
let clock: ManualClock;
let retention: Retention;
let transactions: number;
let fails: boolean;
beforeEach(async () => {
  store = await createStore(':memory:');
  clock = createManualClock();
  transactions = 0;
  fails = false;
  const counting: Store = {
    ...store,
    transaction(work) {
      transactions += 1;
      return fails ? Promise.reject(new Error('the disk failed')) : store.transaction(work);
    },
  };
  const kept = { eventRetentionMs: HOUR_MS, timelineRetentionMs: 24 * HOUR_MS, mostEvents: 500 };
  retention = createRetention({ store: counting, clock, log: createLogRecorder(), ...kept });
  retention.start();
});
afterEach(async () => {
  await retention.stop();
  await store.close();
});

const entry = (ageMs: number, device = 'edge-1'): TimelineEntry => ({
  device,
  kind: 'event',
  type: 'Normal',
  reason: 'Tested',
  message: '',
  happenedAtMs: clock.now() - ageMs,
  learnedAtMs: clock.now() - ageMs,
});

async function fill(count: number, ageMs: number, device?: string): Promise<void> {
  const entries = Array.from({ length: count }, () => entry(ageMs, device));
  await store.transaction(({ timeline }) => timeline.append(entries));
}

/** The id of the oldest entry that is left. */
const oldest = () => store.transaction(async ({ timeline }) => (await timeline.after(0, 1))[0]?.id);

/** Lets the next round begin and end. */
async function round(): Promise<void> {
  const before = transactions;
  clock.advance(clock.waiting()[0] ?? 0);
  await expect.poll(() => transactions, { interval: 1 }).toBe(before + 3);
  await expect.poll(() => clock.waiting().length, { interval: 1 }).toBe(1);
}

function event(name: string, ageMs: number): ResourceObject {
  const creationTimestamp = formatSeconds(clock.now() - ageMs);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: 'default', creationTimestamp },
    involvedObject: {},
  };
}

const putEvents = (names: readonly string[], ageMs: number) =>
  store.transaction(async ({ objects }) => {
    for (const name of names)
      await objects.put({ kind: '/Event', namespace: 'default', name }, event(name, ageMs));
  });

const countEvents = () => store.transaction(({ objects }) => objects.count('/Event'));

describe('a history of 100,000 entries that are past their time', () => {
  beforeEach(async () => {
    await fill(60_000, 30 * HOUR_MS);
    // Of a device that is long gone.
    await fill(40_000, 25 * HOUR_MS, 'edge-9');
    await fill(10, HOUR_MS);
  });

  test('goes a thousand at a time, and who asks for the store meanwhile is next', async () => {
    clock.advance(ROUND_MS);
    // Asked for while the first round is under way.
    expect(await oldest()).toBe(1_001);
    await expect.poll(() => clock.waiting().length, { interval: 1 }).toBe(1);
    expect(transactions).toBe(3);
    for (const through of [2_000, 3_000, 4_000]) {
      await round();
      expect(await oldest()).toBe(through + 1);
    }
  });

  test('is gone after a hundred rounds, one soon after the other, and what is younger stays', async () => {
    for (let count = 0; count < 101; count += 1) {
      expect(clock.waiting()[0]).toBe(count === 0 ? ROUND_MS : 100);
      await round();
    }
    expect(clock.waiting()).toEqual([ROUND_MS]);
    expect(await oldest()).toBe(100_001);
    const left = await store.transaction(({ timeline }) => timeline.after(0, 100));
    expect(left).toHaveLength(10);
  });
});

describe('events', () => {
  test('that are past their time go, a hundred at a time, and younger ones stay', async () => {
    await putEvents(
      Array.from({ length: 250 }, (_, index) => `old-${index}`),
      2 * HOUR_MS,
    );
    await putEvents(['young'], 0);
    await round();
    expect(await countEvents()).toBe(151);
    await round();
    await round();
    expect(await countEvents()).toBe(1);
    expect(clock.waiting()).toEqual([ROUND_MS]);
  });

  test('are at most so many, of which the oldest go first', async () => {
    await putEvents(
      Array.from({ length: 502 }, (_, index) => `event-${index}`),
      0,
    );
    await round();
    expect(await countEvents()).toBe(500);
    const [first] = await store.transaction(({ objects }) => objects.oldest('/Event', 1));
    expect(first?.metadata.name).toBe('event-2');
  });
});

test('a store that fails is tried again', async () => {
  await fill(10, 30 * HOUR_MS);
  fails = true;
  clock.advance(ROUND_MS);
  await expect.poll(() => clock.waiting(), { interval: 1 }).toEqual([ROUND_MS]);
  fails = false;
  await round();
  expect(await oldest()).toBeUndefined();
});
