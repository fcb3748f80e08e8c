import { expect, test } from 'vitest';
import { compileCpuLimits } from '../../../agent/machine/limits.ts';

const CPU = { sockets: 2, cores: 1, threads: 1 };

test.each([
  ['nothing', {}, { weight: 200 }],
  ['a request', { requests: { cpu: '500m' } }, { weight: 50 }],
  ['a limit, with room for what QEMU does itself', { limits: { cpu: '1' } }, { weight: 200, cores: 1.5 }],
  ['next to nothing', { requests: { cpu: '1m' } }, { weight: 1 }],
])("a machine's share of the box's CPUs follows from %s", (_, resources, expected) => {
  expect(compileCpuLimits({ devices: {}, resources }, CPU)).toEqual(expected);
});
