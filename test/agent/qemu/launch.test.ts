import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { composeGate, composeLocked, formatWords } from '../../../agent/qemu/launch.ts';

const SCOPE = { unit: 'holdfast-1', memoryMaxBytes: 1000, cpu: { weight: 50, cores: 1.5 } };

describe('a gate', () => {
  test('takes the lock without a fork, so that QEMU has it in the end', () => {
    const { file, args } = composeGate(undefined);
    expect([file, ...args.slice(0, 7)].join(' ')).toBe(
      'flock --no-fork --conflict-exit-code 75 --nonblock lock bash -c',
    );
  });

  test('is in a scope of its own where there is systemd', () => {
    const { file, args } = composeGate(SCOPE);
    expect([file, ...args.slice(0, 13)].join(' ')).toBe(
      'systemd-run --scope --quiet --collect --unit=holdfast-1 --slice=holdfast.slice -p MemoryMax=1000 -p CPUWeight=50 -p CPUQuota=150% -- flock',
    );
  });
});

test('QEMU gives up its rights after the lock and before its first instruction', () => {
  expect(formatWords(['-m', 'a b'], { uid: 65534, gid: 65533, groups: [44] }).replaceAll('\0', '|')).toBe(
    'setpriv|--reuid|65534|--regid|65533|--groups|44|--bounding-set=-all|--inh-caps=-all|--no-new-privs|qemu-system-x86_64|-m|a b|end-of-command|',
  );
  expect(formatWords([], undefined).split('\0')[0]).toBe('qemu-system-x86_64');
});

test('a word that a NUL would split is never sent', () => {
  expect(() => formatWords(['-smbios', 'serial=x\0-hda\0/etc/passwd'], undefined)).toThrow('bug');
});

describe('an open gate', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-gate-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = async () => {
    const { file, args } = composeGate(undefined);
    const child = spawn(file, args, { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
    const exit = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exit]);
    return { child, exit };
  };
  /** Words that would be seen to be carried out. */
  const words = ['touch', 'a "quoted\n name', 'end-of-command'].map((word) => `${word}\0`).join('');

  test('becomes the command once that came whole', async () => {
    const { child, exit } = await open();
    child.stdin.end(words);
    expect((await exit)[0]).toBe(0);
    expect(existsSync(join(folder, 'a "quoted\n name'))).toBe(true);
  });

  test.each(Array.from({ length: 6 }, (_, index) => index * 6))(
    'does nothing with the first %d bytes of one',
    async (length) => {
      const { child, exit } = await open();
      child.stdin.end(words.slice(0, length));
      expect((await exit)[0]).toBe(1);
      expect(existsSync(join(folder, 'a "quoted\n name'))).toBe(false);
    },
  );

  test('keeps every other gate shut, until it ends', async () => {
    const first = await open();
    const second = await open();
    expect((await second.exit)[0]).toBe(75);
    const { file, args } = composeLocked(['true']);
    const patient = spawn(file, args, { cwd: folder, stdio: 'ignore' });
    const done = once(patient, 'exit');
    first.child.kill('SIGKILL');
    expect((await done)[0]).toBe(0);
  });
});
