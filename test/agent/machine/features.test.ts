import { expect, test } from 'vitest';
import { commandOf, compileParts, valuesOf } from './manifest.ts';

const commandWith = (domain: object, accelerator: 'kvm' | 'tcg' = 'kvm') =>
  commandOf(compileParts({ domain }), { accelerator });
const cpuOf = (domain: object, accelerator?: 'kvm' | 'tcg') =>
  valuesOf(commandWith(domain, accelerator), '-cpu')[0];

// As in KubeVirt's example for Windows.
const WINDOWS = {
  features: {
    acpi: {},
    apic: {},
    hyperv: { relaxed: {}, vapic: {}, spinlocks: { spinlocks: 8191 } },
  },
  clock: {
    utc: {},
    timer: {
      hpet: { present: false },
      pit: { tickPolicy: 'delay' },
      rtc: { tickPolicy: 'catchup' },
      hyperv: {},
    },
  },
};

test('Windows sees a hypervisor of its own under KVM, and none under TCG', () => {
  expect(cpuOf(WINDOWS)).toBe('host,hv-relaxed=on,hv-vapic=on,hv-spinlocks=8191,hv-time=on');
  expect(cpuOf(WINDOWS, 'tcg')).toBe('max');
});

test.each([
  [{ synictimer: { direct: {} } }, 'hv-stimer=on,hv-stimer-direct=on,hv-synic=on,hv-time=on,hv-vpindex=on'],
  [{ ipi: {}, tlbflush: { extended: {} } }, 'hv-ipi=on,hv-tlbflush=on,hv-tlbflush-ext=on,hv-vpindex=on'],
  [{ ipi: {}, vpindex: { enabled: false } }, 'hv-ipi=on,hv-vpindex=off'],
  [{ evmcs: {} }, 'hv-evmcs=on,hv-vapic=on,vmx=on'],
  [{ spinlocks: {}, relaxed: { enabled: false } }, 'hv-relaxed=off,hv-spinlocks=4096'],
  [{ vendorid: { vendorid: 'a,b' } }, 'hv-vendor-id=a,,b'],
])('%j brings what it needs', (hyperv, flags) => {
  expect(cpuOf({ features: { hyperv } })).toBe(`host,${flags}`);
});

test.each([
  [{ features: { hypervPassthrough: {} } }, 'host,hv-passthrough=on'],
  [{ features: { hypervPassthrough: { enabled: false } } }, 'host'],
  [{ features: { kvm: { hidden: true } } }, 'host,kvm=off'],
  [{ features: { pvspinlock: { enabled: false } } }, 'host,kvm-pv-unhalt=off'],
  [{ features: { apic: { endOfInterrupt: true } } }, 'host,kvm-pv-eoi=on'],
  [{ clock: { timer: { kvm: { present: false } } } }, 'host,kvmclock=off'],
])('%j', (domain, cpu) => {
  expect(cpuOf(domain)).toBe(cpu);
});

test("panics are told in Hyper-V's way", () => {
  const machine = compileParts({ devices: { panicDevices: [{ model: 'hyperv' }] } });
  expect(valuesOf(commandOf(machine), '-cpu')).toEqual(['host,hv-crash=on']);
});

test('the computer has ACPI and, where asked, SMM', () => {
  const machineOf = (features: object) => valuesOf(commandWith({ features }), '-machine')[0];
  expect(machineOf({})).toBe('q35,vmport=off,dump-guest-core=off');
  expect(machineOf({ acpi: { enabled: false } })).toContain('acpi=off');
  expect(machineOf({ smm: {} })).toContain('smm=on');
  expect(machineOf({ smm: { enabled: false } })).toContain('smm=off');
});
