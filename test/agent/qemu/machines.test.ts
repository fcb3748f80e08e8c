import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Machines } from '../../../agent/ports.ts';
import { LONGEST_LOG_BYTES } from '../../../agent/qemu/log-file.ts';
import { createMachines } from '../../../agent/qemu/machines.ts';
import { OTHER_UID, UID, observeOne, optionsFor } from '../../contract/machines-world.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createFakeSocket } from './fake-socket.ts';

let dataDir: string;
let machines: Machines;
let log: ReturnType<typeof createLogRecorder>;
let children: ChildProcess[];

beforeEach(() => {
  dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-machines-')));
  log = createLogRecorder();
  children = [];
  machines = createMachines({ ...optionsFor(dataDir), log });
});
afterEach(async () => {
  await machines.close();
  for (const child of children) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(dataDir, { recursive: true });
});

const RECORD = {
  namespace: 'shop',
  name: 'pos',
  run: 1,
  bootId: 'another boot',
  accelerator: 'tcg',
  ports: [],
  startedAtMs: 0,
  command: [],
  pid: 1,
  startTicks: 1,
};

function makeFolder(uid: string): string {
  const folder = join(dataDir, 'machines', uid);
  mkdirSync(join(folder, 'sockets'), { recursive: true });
  writeFileSync(join(folder, 'disk-root.qcow2'), '');
  writeFileSync(join(folder, 'record.json'), JSON.stringify({ ...RECORD, uid }));
  return folder;
}

/** A process that the machine's QEMU is known by: in its folder, with its uid and sockets in the command line. */
async function runAs(uid: string, folder: string): Promise<number | undefined> {
  const words = [`guest=shop/pos/${uid},debug-threads=on`, 'path=sockets/qmp-1.sock'];
  const child = spawn('bash', ['-c', 'echo up; read', ...words], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child.pid;
}

describe('a machine that can not be observed', () => {
  const BROKEN: readonly (readonly [string, (path: string) => void, RegExp])[] = [
    // As EIO and EACCES, a failure of reading; but one that root meets too.
    ['can not be read', (path) => mkdirSync(path), /can't read .*EISDIR/],
    ['is no JSON', (path) => writeFileSync(path, '{"uid":'), /holds no record of a run/],
    ['is no record', (path) => writeFileSync(path, '{}'), /holds no record of a run/],
  ];

  test.each(BROKEN)(
    'because its record %s says so, and leaves the others alone',
    async (_, damage, problem) => {
      const folder = makeFolder(UID);
      makeFolder(OTHER_UID);
      rmSync(join(folder, 'record.json'));
      damage(join(folder, 'record.json'));
      const pid = await runAs(UID, folder);

      const seen = { uid: UID, disks: ['root'], process: { pid }, problem: expect.stringMatching(problem) };
      expect(await observeOne(machines)).toMatchObject(seen);
      const other = await observeOne(machines, OTHER_UID);
      expect(other.problem).toBeUndefined();
      expect(other.record?.run).toBe(1);
      await observeOne(machines);
      expect(log.lines).toHaveLength(1);
      expect(log.lines[0]).toMatch(/^warn: the agent can't observe it .*5f0c1a52/);

      rmSync(join(folder, 'record.json'), { recursive: true });
      writeFileSync(join(folder, 'record.json'), JSON.stringify({ ...RECORD, uid: UID }));
      expect((await observeOne(machines)).problem).toBeUndefined();
      expect(log.lines).toHaveLength(2);
      expect(log.lines[1]).toMatch(/^info: the agent can observe it again/);
    },
  );

  test('can still be killed', async () => {
    const folder = makeFolder(UID);
    writeFileSync(join(folder, 'record.json'), '');
    await runAs(UID, folder);
    const [child] = children;
    await machines.kill(UID);
    if (child?.signalCode === null) await once(child, 'exit');
    expect(child?.signalCode).toBe('SIGKILL');
    children = [];
  });

  test('because its logs can not be cut is observed all the same', async () => {
    const folder = makeFolder(UID);
    // A program that runs can't be cut (ETXTBSY), not even by root.
    const path = join(folder, 'console.log');
    copyFileSync('/bin/sleep', path);
    truncateSync(path, LONGEST_LOG_BYTES + 1);
    const child = spawn(path, ['60']);
    await once(child, 'spawn');
    children.push(child);
    const seen = await observeOne(machines);
    expect(seen.problem).toBeUndefined();
    expect(seen.record?.run).toBe(1);
    expect(log.lines).toEqual([expect.stringMatching(/^warn: the agent can't cut its logs .*ETXTBSY/)]);
  });
});

test('a guest that resets in a loop is told of at most every 200 ms, and at the end', async () => {
  const folder = makeFolder(UID);
  let monitor: Socket | undefined;
  const fake = await createFakeSocket(
    (client) => {
      monitor = client;
      client.write('{"QMP":{}}\n');
    },
    (client, line) => {
      const { id, execute } = JSON.parse(line.toString('utf8'));
      const answer = { 'query-status': { status: 'running' }, 'query-chardev': [] }[String(execute)] ?? {};
      client.write(`${JSON.stringify({ id, return: answer })}\n`);
    },
  );
  symlinkSync(fake.path, join(folder, 'sockets/qmp-1.sock'));
  const { pid: _pid, startTicks: _startTicks, ...incomplete } = RECORD;
  writeFileSync(join(folder, 'record.json'), JSON.stringify({ ...incomplete, uid: UID }));
  await runAs(UID, folder);
  expect((await observeOne(machines)).process?.runState).toBe('running');

  let calls = 0;
  let lastAtMs = 0;
  machines.onChange(() => {
    calls += 1;
    lastAtMs = performance.now();
  });
  const beganMs = performance.now();
  let sentMs = beganMs;
  for (; sentMs - beganMs < 500; sentMs = performance.now()) {
    monitor?.write('{"event":"RESET"}\n'.repeat(20));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await expect.poll(() => lastAtMs).toBeGreaterThan(sentMs);
  expect(calls).toBeLessThanOrEqual(Math.ceil((lastAtMs - beganMs) / 200) + 1);
  expect(calls).toBeGreaterThan(1);
  await machines.close();
  await fake.close();
});
