import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Batch } from '../../../hub/devices/batch.ts';
import type { Intake } from '../../../hub/devices/intake.ts';
import { createIntake } from '../../../hub/devices/intake.ts';
import type { Store } from '../../../hub/ports.ts';
import { createStore } from '../../../hub/store/store.ts';
import type { LogRecorder } from '../../shared/log-recorder.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';

let store: Store;
let intake: Intake;
let log: LogRecorder;
/** How many transactions were made. */
let transactions: number;
/** What was committed, as `device text`, in order. */
let committed: string[];
beforeEach(async () => {
  store = await createStore(':memory:');
  transactions = 0;
  committed = [];
  log = createLogRecorder();
  const counting: Store = {
    ...store,
    transaction(work) {
      transactions += 1;
      return store.transaction(work);
    },
  };
  intake = createIntake({ store: counting, log });
});
afterEach(async () => {
  await intake.settle();
  await store.close();
});

const say = (device: string, text: string, bytes = 10) =>
  intake.add({
    device,
    bytes,
    async take(batch: Batch) {
      if (text === 'poison') throw new Error('it can not be read');
      const entry = { device, kind: 'event', type: 'Normal', reason: 'Told', message: text } as const;
      batch.note({ ...entry, happenedAtMs: 1, learnedAtMs: 1 });
      return () => committed.push(`${device} ${text}`);
    },
  });
const stored = async () =>
  (await store.transaction(({ timeline }) => timeline.after(0, 1_000))).map(
    ({ device, message }) => `${device} ${message}`,
  );

test('what comes in while one transaction is written goes into the next, one message of each device', async () => {
  for (const text of ['a', 'b', 'c']) say('edge-1', text);
  say('edge-2', 'x');
  say('edge-3', 'y');
  await intake.settle();
  expect(transactions).toBe(3);
  expect(committed).toEqual(['edge-1 a', 'edge-1 b', 'edge-2 x', 'edge-3 y', 'edge-1 c']);
  expect(await stored()).toEqual(committed);
});

test('a device with much to say is not before others who say one thing, and its messages keep their order', async () => {
  for (let index = 0; index < 20; index += 1) say('edge-1', `${index}`);
  for (let device = 2; device < 12; device += 1) say(`edge-${device}`, 'one');
  await intake.settle();
  const others = committed.map((line, at) => (line.startsWith('edge-1 ') ? -1 : at)).filter((at) => at >= 0);
  expect(Math.max(...others)).toBeLessThan(13);
  expect(committed.filter((line) => line.startsWith('edge-1 '))).toEqual(
    Array.from({ length: 20 }, (_, index) => `edge-1 ${index}`),
  );
});

test('one that can not be taken is told in the log, and takes no other with it', async () => {
  say('edge-9', 'first');
  say('edge-1', 'a');
  say('edge-2', 'poison');
  say('edge-3', 'c');
  await intake.settle();
  expect((await stored()).toSorted()).toEqual(['edge-1 a', 'edge-3 c', 'edge-9 first']);
  expect(committed.toSorted()).toEqual(await stored().then((lines) => lines.toSorted()));
  expect(log.lines).toContainEqual(expect.stringContaining('a message could not be taken'));
});

test('has bounds: of one device, and of all together', () => {
  const taken = Array.from({ length: 30 }, (_, index) => say('edge-1', `${index}`));
  // The first is being taken already.
  expect(taken.filter(Boolean)).toHaveLength(21);
  expect(say('edge-2', 'large', 128 * 1024 * 1024)).toBe(false);
  expect(say('edge-2', 'small')).toBe(true);
});
