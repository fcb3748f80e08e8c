import { describe, expect, test } from 'vitest';
import { createKindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import { CAUGHT } from './bugs/caught.ts';
import { BUGS } from './bugs/find-bug.ts';
import { REGRESSIONS } from './regressions.ts';
import type { SeedOptions } from './seed.ts';
import { createSeedRunner } from './seed.ts';

/** Simulated worlds, about a minute of them; `npm run sim` and `npm run soak` run more. */

const runner = createSeedRunner(createKindSchemas());
const SEEDS = Array.from({ length: 16 }, (_, index) => index + 1);

async function expectKept(options: SeedOptions): Promise<void> {
  const outcome = await runner.run(options);
  const explained = outcome.violation === undefined ? '' : await runner.explain(options, outcome);
  expect(explained).toBe('');
}

test('the same seed gives the same world, another gives another', async () => {
  const run = (seed: number) => runner.run({ seed, devices: 2, hours: 1 });
  const [one, again, other] = [await run(1), await run(1), await run(2)];
  expect([again.traceHash, again.events]).toEqual([one.traceHash, one.events]);
  expect(other.traceHash).not.toBe(one.traceHash);
});

test.each(SEEDS)('every promise is kept in the world of seed %d', async (seed) => {
  await expectKept({ seed, devices: 3, hours: 3 });
});

test.each(REGRESSIONS)('what broke the world of seed $seed is mended: $broke', async (options) => {
  await expectKept(options);
});

describe('the checks see', () => {
  test.each(BUGS)('$name: $prose', async ({ name }) => {
    const { check, ...options } = CAUGHT[name] ?? { check: 'any', seed: 1 };
    const { violation } = await runner.run({ ...options, devices: 2, hours: 1, bug: name });
    expect(violation).toMatchObject({ check });
  });

  test('nothing of that where there is no bug', async () => {
    for (const { check, ...options } of Object.values(CAUGHT)) {
      const { violation } = await runner.run({ ...options, devices: 2, hours: 1 });
      expect(violation, check).toBeUndefined();
    }
  });
});
