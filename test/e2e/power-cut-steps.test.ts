import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PowerBox } from '../power/power-box.ts';
import { createPowerBox, selectDistinct } from '../power/power-box.ts';

const LIMIT_MS = 1_200_000;
/** Far fewer states than that, and the recorder has missed the start. */
const FEWEST = 20;

/** `npm run power-cuts` takes every state, also those that differ in the store alone. */
describe('a power cut at each step of a start', () => {
  let box: PowerBox;

  beforeAll(async () => {
    box = await createPowerBox();
  }, LIMIT_MS);
  afterAll(() => box.close());

  test(
    'leaves a box that starts the machine, once, with all that was there',
    async () => {
      const states = [...(await box.recordStart('first')), ...(await box.recordStart('next'))];
      const distinct = selectDistinct(states);
      expect(distinct.length).toBeGreaterThan(FEWEST);
      const problems: string[] = [];
      for (const state of distinct) {
        const found = await box.recoverFrom(state);
        problems.push(...found.map((problem) => `${state}: ${problem}`));
      }
      expect(problems).toEqual([]);
    },
    LIMIT_MS,
  );
});
