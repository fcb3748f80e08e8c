import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createStore } from '../../../agent/store/store.ts';
import { createRandom } from '../../../shared/host/random.ts';

const UID = '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e';
/** Mounting a small file system takes root. */
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('a store on a disk that something else has filled to the last byte', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'holdfast-test', folder]);
  });
  afterEach(() => {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });

  const open = () => createStore(join(folder, 'agent.db'), createRandom());

  function fillDisk(): void {
    for (const bytes of [1024 * 1024, 4096, 1]) {
      expect(() => {
        for (;;) appendFileSync(join(folder, 'filler'), Buffer.alloc(bytes));
      }).toThrow('ENOSPC');
    }
  }

  test('can be opened again and written to, and has lost nothing', () => {
    const before = open();
    const epoch = before.epoch();
    before.putMachine({ uid: UID, desired: { name: 'pos' }, memory: { failures: 0 } });
    before.close();
    fillDisk();
    const store = open();
    expect(store.epoch()).toBe(epoch);
    const desired = { name: 'pos', notes: 'x'.repeat(500_000) };
    store.transaction(() => store.putMachine({ uid: UID, desired, memory: { failures: 1 } }));
    expect(store.machines()).toEqual([{ uid: UID, desired, memory: { failures: 1 } }]);
    store.close();
  });

  test('goes on being written to when the disk fills up under it', () => {
    const store = open();
    fillDisk();
    for (let connection = 1; connection <= 100; connection += 1)
      expect(store.nextConnection()).toBe(connection);
    store.close();
  });
});
