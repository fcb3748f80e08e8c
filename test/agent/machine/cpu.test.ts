import { describe, expect, test } from 'vitest';
import { commandOf, compileArm64, compileParts, valuesOf } from './manifest.ts';

const cpuOf = (cpu: object, accelerator: 'kvm' | 'tcg' = 'kvm') =>
  valuesOf(commandOf(compileParts({ domain: { cpu } }), { accelerator }), '-cpu')[0];
const smpOf = (cpu: object) => valuesOf(commandOf(compileParts({ domain: { cpu } })), '-smp')[0];

test.each([
  [{}, 'host', 'max'],
  [{ model: 'host-model' }, 'host', 'max'],
  [{ model: 'host-passthrough' }, 'host', 'max'],
  // KVM has all of a named model; TCG what it can.
  [{ model: 'Haswell-noTSX' }, 'Haswell-noTSX,enforce=on', 'Haswell-noTSX'],
])('%j is %s under KVM and %s under TCG', (cpu, kvm, tcg) => {
  expect([cpuOf(cpu), cpuOf(cpu, 'tcg')]).toEqual([kvm, tcg]);
});

describe('a feature', () => {
  const features = (policy?: string) => [{ name: 'tsc_adjust', ...(policy === undefined ? {} : { policy }) }];

  test.each([
    [
      undefined,
      'host,enforce=on,tsc-adjust=on',
      'Nehalem,enforce=on,tsc-adjust=on',
      'max,enforce=on,tsc-adjust=on',
    ],
    [
      'require',
      'host,enforce=on,tsc-adjust=on',
      'Nehalem,enforce=on,tsc-adjust=on',
      'max,enforce=on,tsc-adjust=on',
    ],
    ['force', 'host,tsc-adjust=on', 'Nehalem,tsc-adjust=on', 'max,tsc-adjust=on'],
    ['optional', 'host,tsc-adjust=on', 'Nehalem,enforce=on', 'max,tsc-adjust=on'],
    ['disable', 'host,tsc-adjust=off', 'Nehalem,enforce=on,tsc-adjust=off', 'max,tsc-adjust=off'],
  ])('with the policy %s', (policy, own, named, tcg) => {
    expect([
      cpuOf({ features: features(policy) }),
      cpuOf({ model: 'Nehalem', features: features(policy) }),
      cpuOf({ features: features(policy) }, 'tcg'),
    ]).toEqual([own, named, tcg]);
  });
});

test.each([
  [{}, '1,maxcpus=4,sockets=4,cores=1,threads=1'],
  [{ cores: 2, sockets: 3 }, '6,maxcpus=24,sockets=12,cores=2,threads=1'],
  [{ maxSockets: 2 }, '1,maxcpus=2,sockets=2,cores=1,threads=1'],
  // Not beyond what a machine may have.
  [{ cores: 100 }, '100,maxcpus=200,sockets=2,cores=100,threads=1'],
  [{ sockets: 255 }, '255,maxcpus=255,sockets=255,cores=1,threads=1'],
  [{ dedicatedCpuPlacement: true, cores: 2 }, '2,maxcpus=2,sockets=1,cores=2,threads=1'],
])('%j counts as %s', (cpu, smp) => {
  expect(smpOf(cpu)).toBe(smp);
});

test('CPUs of its own are counted with one for the emulator', () => {
  const dedicatedOf = (cpu: object) => compileParts({ domain: { cpu: { cores: 2, ...cpu } } }).cpu.dedicated;
  expect(dedicatedOf({})).toBeUndefined();
  expect(dedicatedOf({ dedicatedCpuPlacement: true })).toEqual({ count: 2, emulator: false, oneNode: false });
  expect(dedicatedOf({ dedicatedCpuPlacement: true, isolateEmulatorThread: true })?.count).toBe(3);
});

test('an arm64 CPU is named in full, and its number stays', () => {
  const command = commandOf(
    compileArm64({ domain: { cpu: { cores: 2, model: 'cortex-a57', features: [{ name: 'pmu' }] } } }),
  );
  expect(valuesOf(command, '-cpu')).toEqual(['cortex-a57,pmu=on']);
  expect(valuesOf(command, '-smp')).toEqual(['2,maxcpus=2,sockets=1,cores=2,threads=1']);
});
