import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { setUp, fetched, temporaryFolder } from './setup.ts';

const UID = '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e';
const SOURCE = { url: `clone:${UID}/root` };

/** A machine's disk, with `marker` written at its start. */
async function setUpDisk(marker: string) {
  const dataDir = await temporaryFolder();
  chmodSync(dataDir, 0o711);
  const folder = join(dataDir, 'machines', UID);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const disk = join(folder, 'disk-root.qcow2');
  const write = (text: string) => {
    writeFileSync(join(dataDir, 'raw'), text.padEnd(4096, '.'));
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', join(dataDir, 'raw'), disk]);
  };
  write(marker);
  return { dataDir, disk, write };
}

function readStart(path: string, dataDir: string): string {
  const raw = join(dataDir, 'read');
  execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', path, raw]);
  return readFileSync(raw, 'utf8').slice(0, 5);
}

test('a disk is copied as it is now, each time', async () => {
  const { dataDir, write } = await setUpDisk('first');
  const { images } = await setUp({ dataDir });
  for (const text of ['first', 'later']) {
    write(text);
    const status = await fetched(images, SOURCE);
    expect(status).toMatchObject({ state: 'ready', format: 'qcow2', virtualBytes: 4096 });
    expect('path' in status ? readStart(status.path, dataDir) : '').toBe(text);
  }
});

test('a disk that a process has open is waited for, and an earlier copy does not serve in its place', async () => {
  const { dataDir, disk } = await setUpDisk('first');
  const { images } = await setUp({ dataDir });
  expect(await fetched(images, SOURCE)).toMatchObject({ state: 'ready' });
  const user = spawn('qemu-io', ['-f', 'qcow2', disk], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void user.kill('SIGKILL'));
  // Its prompt: the disk is open.
  await once(user.stdout, 'data');
  expect(await fetched(images, SOURCE)).toMatchObject({ state: 'failed', code: 'CloneSourceInUse' });
  user.stdin.end('quit\n');
  await once(user, 'exit');
  expect(await fetched(images, SOURCE)).toMatchObject({ state: 'ready' });
});

test('what is not there yet says so', async () => {
  const { images } = await setUp();
  expect(await fetched(images, SOURCE)).toMatchObject({ state: 'failed', code: 'CloneSourceMissing' });
});
