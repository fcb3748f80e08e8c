import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootSector } from '../../../agent/facts/boot-sector.ts';
import { tryBoot } from '../../../agent/facts/boot-trial.ts';
import { createClock } from '../../../shared/host/clock.ts';

const qemu = 'qemu-system-x86_64';
const hasQemu = process.env['PATH']?.split(':').some((path) => existsSync(join(path, qemu))) === true;

test('the boot sector is one, with its signature and its table where the code looks for it', () => {
  const sector = bootSector();
  expect(sector).toHaveLength(512);
  expect(sector.readUInt16LE(510)).toBe(0xaa55);
  expect(sector.readUInt16LE(0xc0)).toBe(31);
  expect(sector.readUInt32LE(0xc2)).toBe(0x7ca0);
});

describe.skipIf(!hasQemu)('booted by QEMU', () => {
  const boot = (accelerator: 'kvm' | 'tcg', cpu: string, deadlineMs = 20_000) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-facts-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const imagePath = join(folder, 'sector, of one.img');
    return tryBoot({ qemu, accelerator, cpu, imagePath, deadlineMs, clock: createClock() });
  };

  test.each(['max', 'qemu64'])('it runs to its end on a CPU with a 64-bit mode (%s)', async (cpu) => {
    expect(await boot('tcg', cpu)).toEqual({ outcome: 'ran' });
  });

  test('it does not on one without', async () => {
    expect(await boot('tcg', 'qemu32')).toEqual({ outcome: 'failed', detail: 'QEMU ended with 0' });
  });

  test('QEMU is gone when its deadline has passed', async () => {
    const started = Date.now();
    expect(await boot('tcg', 'max', 50)).toEqual({ outcome: 'deadline' });
    expect(Date.now() - started).toBeLessThan(4_000);
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    expect(processes).not.toContain('sector, of one.img');
  });
});
