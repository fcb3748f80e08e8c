import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { composeGate, findService, composeLocked, formatWords } from '../../../agent/qemu/launch.ts';

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

test('a scope stops after the service of the agent, which asks its guest to shut down first', () => {
  const service = findService('0::/system.slice/holdfast-agent.service\n');
  expect(service).toBe('holdfast-agent.service');
  expect(
    composeGate({ unit: 'a', memoryMaxBytes: 1, cpu: { weight: 100 }, before: service ?? '' }).args.join(' '),
  ).toContain(' -p MemoryMax=1 -p CPUWeight=100 -p Before=holdfast-agent.service -- ');
  expect(findService('12:memory:/user.slice\n0::/user.slice/session-2.scope\n')).toBeUndefined();
});
const PROGRAM = { program: 'qemu-system-x86_64', arguments: ['-m', 'a b'] };
const ACCOUNT = { uid: 65534, gid: 65533, groups: [44] };

test('QEMU gives up its rights after the lock and before its first instruction', () => {
  expect(formatWords({ ...PROGRAM, account: ACCOUNT }).replaceAll('\0', '|')).toBe(
    'command|setpriv|--reuid|65534|--regid|65533|--groups|44|--bounding-set=-all|--inh-caps=-all|--no-new-privs|qemu-system-x86_64|-m|a b|end-of-command|',
  );
  expect(formatWords(PROGRAM).split('\0')[1]).toBe('qemu-system-x86_64');
});

test('what only root may give comes before that, and the time zone after', () => {
  const run = { ...PROGRAM, account: ACCOUNT, timezone: 'Europe/Berlin', locksMemory: true, cpus: [2, 3] };
  expect(formatWords(run).replaceAll('\0', ' ')).toMatch(
    /^command prlimit --memlock=unlimited -- taskset --cpu-list 2,3 setpriv .* env TZ=Europe\/Berlin qemu-system-x86_64 /,
  );
});

test('a word that a NUL would split is never sent', () => {
  const hostile = { ...PROGRAM, arguments: ['-smbios', 'serial=x\0-hda\0/etc/passwd'] };
  expect(() => formatWords(hostile)).toThrow('bug');
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
  const words = ['command', 'touch', 'a "quoted\n name', 'end-of-command']
    .map((word) => `${word}\0`)
    .join('');

  test('becomes the command once that came whole', async () => {
    const { child, exit } = await open();
    child.stdin.end(words);
    expect((await exit)[0]).toBe(0);
    expect(existsSync(join(folder, 'a "quoted\n name'))).toBe(true);
  });

  test.each(Array.from({ length: 8 }, (_, index) => index * 6))(
    'does nothing with the first %d bytes of one',
    async (length) => {
      const { child, exit } = await open();
      child.stdin.end(words.slice(0, length));
      expect((await exit)[0]).toBe(1);
      expect(existsSync(join(folder, 'a "quoted\n name'))).toBe(false);
    },
  );

  test('starts a companion first, which does not keep the lock', async () => {
    const { child, exit } = await open();
    const companion = ['bash', '-c', 'sleep 60 >/dev/null 2>&1 & echo $! >pid'];
    child.stdin.end(formatWords({ program: 'cp', arguments: ['pid', 'copy'], companion }));
    expect((await exit)[0]).toBe(0);
    const pid = Number(readFileSync(join(folder, 'copy'), 'utf8'));
    try {
      // The shell that becomes it has others for a moment, none of which is the lock's.
      await expect.poll(() => readdirSync(`/proc/${pid}/fd`)).toEqual(['0', '1', '2']);
      const next = await open();
      next.child.kill('SIGKILL');
      expect((await next.exit)[1]).toBe('SIGKILL');
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });

  test('does not become QEMU where its companion fails', async () => {
    const { child, exit } = await open();
    child.stdin.end(formatWords({ program: 'touch', arguments: ['made'], companion: ['false'] }));
    expect((await exit)[0]).toBe(1);
    expect(existsSync(join(folder, 'made'))).toBe(false);
  });

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
