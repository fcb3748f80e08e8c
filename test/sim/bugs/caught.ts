import type { SeedOptions } from '../seed.ts';

/** A world that each deliberate bug is known to be seen in, and by which check. Found by trying seeds from 1 on. */
export const CAUGHT: Readonly<
  Record<string, Omit<SeedOptions, 'bug' | 'devices' | 'hours'> & { check: string }>
> = {
  'delete-before-acknowledge': { seed: 1, focus: ['weather drop', 'QEMU dies'], check: 'agreement' },
  'older-generation': {
    seed: 7,
    focus: ['weather double', 'run strategy', 'create', 'template'],
    check: 'documents',
  },
  'start-without-adopting': { seed: 1, focus: ['agent crash'], check: 'running' },
  'stop-without-link': { seed: 1, focus: ['connection cut'], check: 'running' },
  'state-and-report-apart': { seed: 2, focus: ['agent crash', 'QEMU dies'], check: 'agreement' },
  'remove-the-unnamed': {
    seed: 35,
    focus: ['hub backup', 'hub restored', 'create', 'template', 'delete', 'run strategy'],
    check: 'running',
  },
  'never-time-out': { seed: 1, focus: ['partition both'], check: 'agreement' },
  'disk-anew': { seed: 1, focus: ['QEMU dies'], check: 'disks' },
  'acknowledge-before-commit': {
    seed: 1,
    focus: ['hub crash', 'hub disk full', 'QEMU dies'],
    check: 'reports',
  },
  'forget-the-epoch': { seed: 1, focus: ['agent store lost'], check: 'agreement' },
  'report-twice': {
    seed: 8,
    focus: ['hub crash', 'QEMU dies', 'guest panic', 'connection cut'],
    check: 'reports',
  },
  'acknowledge-beyond': {
    seed: 1,
    focus: ['weather drop', 'connection cut', 'QEMU dies'],
    check: 'agreement',
  },
  'swallow-a-full-disk': { seed: 1, focus: ['hub disk full', 'QEMU dies'], check: 'reports' },
  'believe-an-old-will': { seed: 1, focus: ['partition down', 'power cut'], check: 'presence' },
  'keep-low-numbers': { seed: 1, focus: ['hub backup', 'hub restored'], check: 'agreement' },
  'every-device': { seed: 1, focus: ['create'], check: 'running' },
};
