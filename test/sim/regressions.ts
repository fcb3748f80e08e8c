import type { SeedOptions } from './seed.ts';

/** Worlds in which a promise was once broken and is kept now, and what broke it: a seed, and what it was drawn with. */
export const REGRESSIONS: readonly (SeedOptions & { readonly broke: string })[] = [
  { seed: 16, devices: 4, hours: 12, broke: 'a machine that is held back was taken for a forgotten one' },
];
