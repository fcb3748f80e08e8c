import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { createFacts } from '../../../agent/facts/facts.ts';
import { readQemuVersion } from '../../../agent/facts/qemu-version.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { readBootId } from '../../../shared/host/files.ts';
import { deviceFacts, deviceMetrics } from '../../../shared/model/device.ts';

const options = {
  dataDir: '/tmp',
  agentVersion: '1.2.3',
  nodeVersion: 'v26.0.0',
  bootId: readBootId(),
  clock: createClock(),
};

test('the facts of this box fit their schema and the box', async () => {
  const facts = createFacts(options);
  const read = await facts.read();
  deviceFacts.parse({ ...read, acceleratorReason: '' });
  expect(read).toMatchObject({
    agentVersion: '1.2.3',
    nodeVersion: 'v26.0.0',
    cpuCores: availableParallelism(),
  });
  expect(read.memoryBytes).toBe(
    Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024,
  );
  const measured = deviceMetrics.parse(await facts.measure());
  expect(measured.memoryAvailableBytes).toBeLessThanOrEqual(read.memoryBytes);
  expect(measured.memoryAvailableBytes).toBeGreaterThan(0);
  expect(measured.diskAvailableBytes).toBeLessThanOrEqual(read.diskBytes);
  expect(measured.diskAvailableBytes).toBeGreaterThan(0);
  for (const text of [read.operatingSystem, read.kernel, read.cpuModel]) expect(text).toMatch(/\w/);
});

test('without QEMU there is no version of it', async () => {
  expect(await readQemuVersion('/nowhere/qemu')).toBeUndefined();
  expect(await readQemuVersion('true')).toBeUndefined();
  expect(await createFacts({ ...options, qemu: '/nowhere/qemu' }).read()).not.toHaveProperty('qemuVersion');
});
