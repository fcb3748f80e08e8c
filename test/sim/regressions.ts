import type { SeedOptions } from './seed.ts';

/** Worlds in which a promise was once broken, and what broke it. They stay, though a change of the drawing moves them. */
export const REGRESSIONS: readonly (SeedOptions & { readonly broke: string })[] = [
  {
    seed: 111,
    devices: 4,
    hours: 6,
    broke: 'a description of 70 KB was told to a hub in one message of 79 KB',
  },
];
