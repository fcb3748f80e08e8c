import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { AcceleratorProbeOptions } from '../../../agent/facts/accelerator-probe.ts';
import { createAcceleratorProbe } from '../../../agent/facts/accelerator-probe.ts';
import { BOOT_SECTOR_EXIT_CODE } from '../../../agent/facts/boot-sector.ts';
import { createClock } from '../../../shared/host/clock.ts';

/** A QEMU that says its version and otherwise does `work` (shell); `runs` counts the latter. */
function setUp(work: string, version = '7.2.0') {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-probe-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const qemu = join(dataDir, 'qemu');
  const kvmDevice = join(dataDir, 'kvm');
  const play = (nextWork: string, nextVersion = version) => {
    const answer = `[ "$1" = --version ] && echo "QEMU emulator version ${nextVersion} (Test)" && exit 0`;
    writeFileSync(qemu, `#!/bin/sh\n${answer}\necho "$@" >> ${dataDir}/runs\n${nextWork}\n`);
    chmodSync(qemu, 0o755);
  };
  play(work);
  writeFileSync(kvmDevice, '');
  const defaults = { dataDir, qemu, kvmDevice, bootId: 'boot-1', clock: createClock(), deadlineMs: 500 };
  return {
    dataDir,
    play,
    runs: () =>
      existsSync(join(dataDir, 'runs'))
        ? readFileSync(join(dataDir, 'runs'), 'utf8').trim().split('\n').length
        : 0,
    detect: (requested: 'auto' | 'kvm' | 'tcg' = 'auto', options: Partial<AcceleratorProbeOptions> = {}) =>
      createAcceleratorProbe({ ...defaults, requested, ...options }).detect(),
  };
}

const WORKS = `exit ${BOOT_SECTOR_EXIT_CODE}`;

test('KVM that runs 64-bit code is used; that is tried once per boot and per QEMU', async () => {
  const { detect, runs, play, dataDir } = setUp(WORKS);
  const expected = { accelerator: 'kvm', reason: '64-bit code runs under KVM' };
  expect(await detect()).toEqual(expected);
  expect(await detect('kvm')).toEqual(expected);
  expect(runs()).toBe(1);
  expect(readdirSync(dataDir).toSorted()).toEqual(['accelerator.json', 'kvm', 'qemu', 'runs']);
  await detect('auto', { bootId: 'boot-2' });
  expect(runs()).toBe(2);
  play(WORKS, '8.0');
  await detect('auto', { bootId: 'boot-2' });
  expect(runs()).toBe(3);
});

test('KVM that opens and never gets there: auto falls back and says why, kvm has none', async () => {
  const { detect, runs } = setUp('exec sleep 60');
  const reason = 'KVM opens, but 64-bit code did not run within 0.5 s';
  expect(await detect()).toEqual({ accelerator: 'tcg', reason });
  expect(await detect('kvm')).toEqual({ reason });
  expect(runs()).toBe(1);
});

test('a QEMU that fails is quoted, and tried again', async () => {
  const { detect, runs, play } = setUp('echo "cannot set up guest memory" >&2; exit 1');
  const reason = 'KVM opens, but 64-bit code did not run: QEMU ended with 1: cannot set up guest memory';
  expect(await detect()).toEqual({ accelerator: 'tcg', reason });
  play(WORKS);
  expect(await detect()).toMatchObject({ accelerator: 'kvm' });
  expect(runs()).toBe(2);
});

test('on this machine, whatever it is: an answer that says why, in time', async () => {
  const { detect } = setUp(WORKS);
  const started = Date.now();
  const real = { qemu: 'qemu-system-x86_64', kvmDevice: '/dev/kvm', deadlineMs: 5_000 };
  expect((await detect('auto', real)).reason).toMatch(/KVM|\/dev\/kvm|QEMU/);
  expect(Date.now() - started).toBeLessThan(10_000);
});

test('asked for TCG, nothing is run', async () => {
  const { detect, runs } = setUp(WORKS);
  expect(await detect('tcg')).toEqual({ accelerator: 'tcg', reason: 'asked for by configuration' });
  expect(runs()).toBe(0);
});

test('without /dev/kvm, without QEMU', async () => {
  const { detect, runs } = setUp(WORKS);
  const closed = await detect('auto', { kvmDevice: '/nowhere/kvm' });
  expect(closed).toMatchObject({ accelerator: 'tcg' });
  expect(closed.reason).toMatch(/^there is no \/nowhere\/kvm/);
  expect(await detect('kvm', { kvmDevice: '/nowhere/kvm' })).toEqual({ reason: closed.reason });
  expect(await detect('auto', { qemu: '/nowhere/qemu' })).toEqual({
    reason: "QEMU is missing: /nowhere/qemu can't be run",
  });
  expect(runs()).toBe(0);
});

test.skipIf(process.getuid?.() === 0)('without permission', async () => {
  const { detect, dataDir } = setUp(WORKS);
  chmodSync(join(dataDir, 'kvm'), 0);
  expect((await detect()).reason).toMatch(/^no permission to open/);
});

test('a kept outcome that is damaged is found out again; questions at one time share a trial', async () => {
  const { dataDir, runs } = setUp(WORKS);
  writeFileSync(join(dataDir, 'accelerator.json'), '{');
  const probe = createAcceleratorProbe({
    dataDir,
    requested: 'auto',
    bootId: 'boot-1',
    clock: createClock(),
    qemu: join(dataDir, 'qemu'),
    kvmDevice: join(dataDir, 'kvm'),
  });
  const all = await Promise.all([probe.detect(), probe.detect(), probe.detect()]);
  expect(all.every(({ accelerator }) => accelerator === 'kvm')).toBe(true);
  expect(runs()).toBe(1);
});
