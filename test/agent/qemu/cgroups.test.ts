import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findCgroups } from '../../../agent/qemu/cgroups.ts';

const LIMITS = { memoryMaxBytes: 64 * 2 ** 20, cpu: { weight: 50, cores: 1.5 } };
const REAL_ROOT = '/sys/fs/cgroup';
const hasLegacy = existsSync(join(REAL_ROOT, 'memory/cgroup.procs')) && process.getuid?.() === 0;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-cgroups-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

test('version 2 is told by its memory controller, and gets one group with all limits', async () => {
  writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
  const cgroups = await findCgroups(root);
  await cgroups?.enter('machine-1', LIMITS, 42);
  expect(read('cgroup.subtree_control')).toBe('+memory +cpu');
  expect(read('holdfast/cgroup.subtree_control')).toBe('+memory +cpu');
  const files = readdirSync(join(root, 'holdfast/machine-1')).map((file) => [
    file,
    read('holdfast/machine-1', file),
  ]);
  expect(Object.fromEntries(files)).toEqual({
    'memory.max': '67108864',
    'cpu.weight': '50',
    'cpu.max': '150000 100000',
    'cgroup.procs': '42',
  });
});

test('a CPU without a limit has none', async () => {
  writeFileSync(join(root, 'cgroup.controllers'), 'cpu memory\n');
  await (await findCgroups(root))?.enter('machine-1', { ...LIMITS, cpu: { weight: 100 } }, 42);
  expect(read('holdfast/machine-1/cpu.max')).toBe('max 100000');
});

test('a box without control groups has none', async () => {
  expect(await findCgroups(root)).toBeUndefined();
});

test('groups are removed once nobody is in them, and only those that are meant', async () => {
  mkdirSync(join(root, 'memory'));
  writeFileSync(join(root, 'memory/cgroup.procs'), '');
  for (const name of ['a-1', 'a-2', 'b-1'])
    mkdirSync(join(root, 'memory/holdfast', name), { recursive: true });
  await (await findCgroups(root))?.clear('a-');
  expect(readdirSync(join(root, 'memory/holdfast'))).toEqual(['b-1']);
});

describe.runIf(hasLegacy)('version 1, as this box has it', () => {
  const name = `holdfast-test-${process.pid}`;

  test('holds a process to its memory and its share of the CPUs', async () => {
    const cgroups = await findCgroups(REAL_ROOT);
    const child = spawn('sleep', ['60']);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      await cgroups?.enter(name, LIMITS, child.pid ?? 0);
      const groups = readFileSync(`/proc/${child.pid}/cgroup`, 'utf8');
      expect(groups).toMatch(new RegExp(`:memory:\\S*/holdfast/${name}\n`));
      expect(groups).toMatch(new RegExp(`:cpu\\S*:\\S*/holdfast/${name}\n`));
      const value = (hierarchy: string, file: string) =>
        readFileSync(join(REAL_ROOT, hierarchy, 'holdfast', name, file), 'utf8').trim();
      expect(value('memory', 'memory.limit_in_bytes')).toBe('67108864');
      expect(value('cpu', 'cpu.cfs_quota_us')).toBe('150000');
      // One with somebody in it is left alone.
      await cgroups?.clear(name);
      expect(existsSync(join(REAL_ROOT, 'memory/holdfast', name))).toBe(true);
    } finally {
      child.kill('SIGKILL');
      await ended;
      await cgroups?.clear(name);
    }
    expect(existsSync(join(REAL_ROOT, 'memory/holdfast', name))).toBe(false);
  });
});
