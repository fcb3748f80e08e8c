import { afterAll, expect, test } from 'vitest';
import { raiseStorm } from '../storm/storm.ts';
import { createWorld } from './world.ts';

/** `npm run storm` goes on for longer, and with other moments. */
const SECONDS = 60;
const SEED = 42;

const world = await createWorld();
afterAll(() => world.close());

test(`after ${SECONDS} s of kill -9, nothing is lost, doubled or restarted`, async () => {
  const lines: string[] = [];
  const outcome = await raiseStorm({
    world,
    seconds: SECONDS,
    seed: SEED,
    progress: (line) => lines.push(line),
  });
  expect(outcome.problems, `seed ${SEED}; ${lines.join('; ')}`).toEqual([]);
  for (const happened of [
    'hub killed',
    'edge-1 killed',
    'edits granted',
    'orders granted',
    'machines crashed',
  ])
    expect(outcome.counts[happened], happened).toBeGreaterThan(5);
}, 300_000);
