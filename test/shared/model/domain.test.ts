import { describe, expect, test } from 'vitest';
import { causesOf, machineWith } from './manifest.ts';

const container = { image: 'file:///images', kernelPath: '/vmlinuz' };

/** Every free text of a manifest that becomes part of a word of QEMU's command line, or of a path in one. */
const TEXTS: Readonly<Record<string, (text: string) => object>> = {
  'firmware.serial': (serial) => ({ domain: { firmware: { serial } } }),
  'firmware.uuid': (uuid) => ({ domain: { firmware: { uuid } } }),
  'firmware.kernelBoot.kernelArgs': (kernelArgs) => ({
    domain: { firmware: { kernelBoot: { kernelArgs, container } } },
  }),
  'firmware.kernelBoot.container.image': (text) => ({
    domain: { firmware: { kernelBoot: { container: { ...container, image: `file:///${text}` } } } },
  }),
  'firmware.kernelBoot.container.kernelPath': (kernelPath) => ({
    domain: { firmware: { kernelBoot: { container: { ...container, kernelPath } } } },
  }),
  'firmware.kernelBoot.container.initrdPath': (initrdPath) => ({
    domain: { firmware: { kernelBoot: { container: { ...container, initrdPath } } } },
  }),
  'devices.disks[0].serial': (serial) => ({
    spec: { volumes: [{ name: 'root', emptyDisk: { capacity: '1Mi' } }] },
    devices: { disks: [{ name: 'root', disk: {}, serial }] },
  }),
  'devices.disks[0].name': (name) => ({
    spec: { volumes: [{ name, emptyDisk: { capacity: '1Mi' } }] },
    devices: { disks: [{ name, disk: {} }] },
  }),
  'devices.interfaces[0].name': (name) => ({
    spec: { networks: [{ name, pod: {} }] },
    devices: { interfaces: [{ name, masquerade: {} }] },
  }),
  'devices.interfaces[0].macAddress': (macAddress) => ({
    spec: { networks: [{ name: 'default', pod: {} }] },
    devices: { interfaces: [{ name: 'default', masquerade: {}, macAddress }] },
  }),
};
const HOSTILE = [
  'x\0-hda\0/etc/passwd',
  'a\nb',
  'a\tb',
  'a\u001bb',
  'a\u007fb',
  'a\u0085b',
  'a\u2028b',
  'a\u202eb',
];

describe.each(Object.entries(TEXTS))('%s', (field, partsWith) => {
  test.each(HOSTILE)('is not %j', (text) => {
    const causes = causesOf('VirtualMachine', machineWith(partsWith(text)));
    expect(causes.map((cause) => cause.field)).toContain(`spec.template.spec.domain.${field}`);
  });
});

test('what is wrong with a control character is said in so many words', () => {
  const causes = causesOf('VirtualMachine', machineWith({ domain: { firmware: { serial: 'x\0y' } } }));
  expect(causes).toEqual([
    {
      field: 'spec.template.spec.domain.firmware.serial',
      reason: 'FieldValueInvalid',
      message: 'must be printable text: no control characters, no line breaks',
    },
  ]);
});

test.each(['console=ttyS0 root="LABEL=a b",x ro', 'name=Käse-Лавка', ''])(
  '%j is fit for a kernel',
  (kernelArgs) => {
    const firmware = { serial: 'Kasse 5, Süd', kernelBoot: { kernelArgs, container } };
    expect(causesOf('VirtualMachine', machineWith({ domain: { firmware } }))).toEqual([]);
  },
);
