import { defineConfig } from 'vitest/config';

// `--mode slow` has what takes too long for `npm test`.
export default defineConfig(({ mode }) => ({
  test: {
    include: mode === 'slow' ? ['test/**/*.slow.ts'] : ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: mode === 'slow' ? 1_800_000 : 180_000,
    hookTimeout: mode === 'slow' ? 1_800_000 : 180_000,
  },
}));
