import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { createWorld } from './machines-world.ts';

type World = ReturnType<typeof createWorld>;

/**
 * Sees to it that the small guest is there for a file's tests, and that each has a world of its own, which is cleared
 * after it. What it returns is the one of the test that runs.
 */
export function useWorld(): World {
  let world: World;
  beforeAll(() => {
    execFileSync(join(import.meta.dirname, '../guest/build'));
  });
  beforeEach(() => {
    world = createWorld();
  });
  afterEach(async () => world.clear());
  return {
    get root() {
      return world.root;
    },
    open: (dataDir, change) => world.open(dataDir, change),
    qemus: (dataDir) => world.qemus(dataDir),
    pids: () => world.pids(),
    clear: async () => world.clear(),
  };
}
