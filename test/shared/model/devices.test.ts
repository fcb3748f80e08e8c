import { expect, test } from 'vitest';
import type { MachineParts } from './manifest.ts';
import { causesOf, machineWith } from './manifest.ts';

const DOMAIN = 'spec.template.spec.domain';
const complaints = (parts: MachineParts) =>
  causesOf('VirtualMachine', machineWith(parts)).map(
    ({ field, message }) => `${field.replace(`${DOMAIN}.`, '')} ${message}`,
  );
const smm = { features: { smm: {} } };
const efi = (given: object) => ({ firmware: { bootloader: { efi: given } } });
const arm64 = { architecture: 'arm64' };

test.each<[MachineParts, RegExp]>([
  [{ domain: efi({}) }, /^firmware\.bootloader\.efi\.secureBoot is true by default, and needs features\.smm/],
  [
    { domain: { firmware: { bootloader: { efi: {}, bios: {} } }, ...smm } },
    /bootloader\.efi must not be given together/,
  ],
  [{ spec: arm64, domain: efi({ secureBoot: true }) }, /secureBoot is not supported: arm64 has none/],
  [{ spec: arm64, domain: { machine: { type: 'q35' } } }, /^machine\.type is a machine of amd64/],
  [{ domain: { machine: { type: 'virt' } } }, /^machine\.type is a machine of arm64/],
  [{ domain: { machine: { type: 'pc-i440fx-7.2' } } }, /^machine\.type is not supported: must be q35/],
  [{ domain: { cpu: { sockets: 4, maxSockets: 2 } } }, /^cpu\.sockets must be at most maxSockets, 2/],
  [{ domain: { cpu: { sockets: 200, cores: 2 } } }, /^cpu\.sockets makes more than 255 CPUs/],
  [
    { domain: { cpu: { isolateEmulatorThread: true } } },
    /^cpu\.isolateEmulatorThread needs dedicatedCpuPlacement/,
  ],
  [
    { domain: { cpu: { features: [{ name: 'vmx', policy: 'forbid' }] } } },
    /policy is not supported: .*"disable"/,
  ],
  [{ domain: { cpu: { realtime: {} } } }, /^cpu\.realtime is not supported: .*real-time kernel/],
  [
    { domain: { resources: { limits: { memory: '64Mi' } } } },
    /^memory\.guest must be at most resources\.limits\.memory/,
  ],
  [
    { domain: { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } } },
    /^resources\.requests\.cpu must be at most/,
  ],
  [
    { domain: { memory: { guest: '3Mi', hugepages: { pageSize: '2Mi' } } } },
    /^memory\.guest must be a multiple of/,
  ],
  [{ domain: { memory: { guest: '1Gi', maxGuest: '512Mi' } } }, /^memory\.maxGuest must be at least guest/],
  [{ domain: { clock: { timezone: 'Europe/Nowhere' } } }, /^clock\.timezone must be the name of a time zone/],
  [
    { domain: { clock: { timezone: 'Europe/Berlin', utc: {} } } },
    /^clock\.timezone must not be given together/,
  ],
  [
    { domain: { ioThreadsPolicy: 'supplementalPool' } },
    /^ioThreads\.supplementalPoolThreadCount is required/,
  ],
  [{ devices: { watchdog: { name: 'dog' } } }, /^devices\.watchdog\.i6300esb is required/],
  [{ devices: { video: {}, autoattachGraphicsDevice: false } }, /^devices\.video must not be given together/],
  [{ devices: { filesystems: [] } }, /^devices\.filesystems is not supported: .*configMap/],
])('%j is refused with the way out', (parts, complaint) => {
  expect(complaints(parts)).toEqual([expect.stringMatching(complaint)]);
});

test.each<[MachineParts]>([
  [{ domain: { ...efi({ persistent: true }), ...smm } }],
  [{ spec: arm64, domain: { ...efi({}), machine: { type: 'virt' } } }],
  [{ domain: { clock: { timezone: 'Europe/Berlin' }, cpu: { features: [{ name: 'vmx' }] } } }],
  // A preference may give what secure boot needs.
  [{ domain: efi({}), machine: { preference: { name: 'windows' } } }],
])('%j is taken', (parts) => {
  expect(complaints(parts)).toEqual([]);
});
