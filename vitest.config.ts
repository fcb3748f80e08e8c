import { defineConfig } from 'vitest/config';

/** Tests that start no machine: two files at a time. */
const LIGHT = [
  'test/{docs,hub,shared,sim}/**/*.test.ts',
  'test/agent/{machine,plan,store,sync}/**/*.test.ts',
];
const HOUR_MS = 3_600_000;

// `--mode slow` has what takes too long for `npm test`.
export default defineConfig(({ mode }) => {
  const limitMs = mode === 'slow' ? HOUR_MS / 2 : HOUR_MS / 20;
  const test = { pool: 'forks', testTimeout: limitMs, hookTimeout: limitMs } as const;
  if (mode === 'slow') return { test: { ...test, include: ['test/**/*.slow.ts'] } };
  return {
    test: {
      projects: [
        { test: { ...test, name: 'light', include: LIGHT, maxWorkers: 2, sequence: { groupOrder: 0 } } },
        {
          test: {
            ...test,
            name: 'machines',
            include: ['test/**/*.test.ts'],
            exclude: LIGHT,
            maxWorkers: 1,
            sequence: { groupOrder: 1 },
          },
        },
      ],
    },
  };
});
