import { describe, expect, test } from 'vitest';
import type { HostDeviceAddress } from '../../../agent/machine/host-device.ts';
import { addedTo, commandOf, compileArm64, compileParts, valuesOf } from './manifest.ts';

const isNoPort = (device: string) => !device.startsWith('pcie-root-port');
const PLAIN = commandOf(compileParts());
/** What devices add to a machine's command, or take another form of. */
const added = (devices: object, hostDevices: HostDeviceAddress[] = []) =>
  addedTo(PLAIN, commandOf(compileParts({ devices }), { hostDevices }));
const devicesOf = (devices: object) =>
  valuesOf(commandOf(compileParts({ devices })), '-device').filter(isNoPort);
const arm64 = (devices: object = {}) =>
  valuesOf(commandOf(compileArm64({ devices })), '-device').filter(
    (device) => isNoPort(device) && !device.startsWith('virt'),
  );

test('a machine that asks for nothing has a console, a balloon and a display', () => {
  expect(devicesOf({})).toEqual([
    'virtio-serial-pci,id=channel,addr=0x2',
    expect.stringContaining('org.qemu.guest_agent.0'),
    'virtio-balloon-pci,id=balloon,free-page-reporting=on,addr=0x4',
    'VGA,id=graphics,addr=0x1',
  ]);
});

test('and can decline them', () => {
  const none = {
    autoattachMemBalloon: false,
    autoattachGraphicsDevice: false,
    autoattachSerialConsole: false,
  };
  const command = commandOf(compileParts({ devices: none }));
  expect(devicesOf(none)).toHaveLength(2);
  expect(valuesOf(command, '-serial')).toEqual(['none']);
  expect(added({ logSerialConsole: false })).toEqual([
    '-chardev socket,id=serial,path=sockets/serial-3.sock,server=on,wait=off',
  ]);
});

test('random numbers', () => {
  expect(added({ rng: {} })).toEqual([
    '-object rng-random,id=entropy,filename=/dev/urandom',
    '-device virtio-rng-pci,id=rng,rng=entropy,addr=0x3',
  ]);
});

describe('a display', () => {
  test.each([
    ['vga', 'VGA,id=graphics,addr=0x1'],
    ['virtio', 'virtio-vga,id=graphics,addr=0x1'],
    ['bochs', 'bochs-display,id=graphics,addr=0x1'],
    ['cirrus', 'cirrus-vga,id=graphics,addr=0x1'],
    ['ramfb', 'ramfb'],
  ])('of the type %s', (type, device) => {
    expect(devicesOf({ video: { type } }).at(-1)).toBe(device);
  });

  test('is bochs with UEFI, and virtio on arm64', () => {
    const firmware = { bootloader: { efi: { secureBoot: false } } };
    expect(compileParts({ domain: { firmware } }).devices.video).toBe('bochs');
    expect(valuesOf(commandOf(compileArm64()), '-device')).toContain('virtio-gpu-pci,id=graphics,addr=0x1');
  });
});

describe('inputs', () => {
  test('are on USB unless they are virtio', () => {
    const inputs = [
      { name: 'a', type: 'tablet' },
      { name: 'b', type: 'tablet', bus: 'virtio' },
    ];
    expect(added({ inputs })).toEqual([
      '-device qemu-xhci,id=usb,p2=15,p3=15,addr=0x5',
      '-device usb-tablet,id=input0,bus=usb.0',
      '-device virtio-tablet-pci,id=input1,addr=0x6',
    ]);
  });

  test('are attached where none is named', () => {
    expect(compileParts({ devices: { autoattachInputDevice: true } }).devices.inputs).toEqual([
      { type: 'tablet', bus: 'usb' },
    ]);
    const inputs = [{ name: 'a', type: 'tablet', bus: 'virtio' }];
    expect(compileParts({ devices: { autoattachInputDevice: true, inputs } }).devices.inputs).toEqual([
      { type: 'tablet', bus: 'virtio' },
    ]);
  });

  test('of arm64, which has no PS/2, are there with a display', () => {
    expect(arm64()).toEqual([
      'qemu-xhci,id=usb,p2=15,p3=15,addr=0x5',
      'usb-tablet,id=input0,bus=usb.0',
      'usb-kbd,id=input1,bus=usb.0',
    ]);
    expect(arm64({ autoattachGraphicsDevice: false })).toEqual([]);
  });
});

test.each([
  [{}, 'reset'],
  // Held until the agent has seen it.
  [{ action: 'poweroff' }, 'pause'],
  [{ action: 'shutdown' }, 'shutdown'],
])('a watchdog %j', (i6300esb, action) => {
  expect(added({ watchdog: { name: 'dog', i6300esb } })).toEqual([
    `-action shutdown=pause,reboot=reset,panic=pause,watchdog=${action}`,
    '-device i6300esb,id=watchdog,addr=0x5',
  ]);
});

describe('a TPM', () => {
  test("is of KubeVirt's two kinds", () => {
    const socket = '-chardev socket,id=tpm-socket,path=sockets/tpm-3.sock';
    expect(added({ tpm: {} })).toEqual([
      socket,
      '-tpmdev emulator,id=scratch-tpm,chardev=tpm-socket',
      '-device tpm-tis,tpmdev=scratch-tpm',
    ]);
    expect(added({ tpm: { persistent: true } })).toEqual([
      socket,
      '-tpmdev emulator,id=kept-tpm,chardev=tpm-socket',
      '-device tpm-crb,tpmdev=kept-tpm',
    ]);
    expect(added({ tpm: { enabled: false, persistent: true } })).toEqual([]);
  });

  test('is on no bus of arm64', () => {
    expect(arm64({ tpm: { persistent: true } }).at(-1)).toBe('tpm-tis-device,tpmdev=kept-tpm');
  });
});

test('a sound card plays to nobody', () => {
  expect(added({ sound: { name: 'audio' } })).toEqual([
    '-audiodev none,id=audio',
    '-device ich9-intel-hda,id=sound,addr=0x5',
    '-device hda-duplex,bus=sound.0,audiodev=audio',
  ]);
  expect(added({ sound: { name: 'audio', model: 'ac97' } }).at(-1)).toBe(
    '-device AC97,id=sound,addr=0x5,audiodev=audio',
  );
});

test('panics are told by a device, or by the CPU', () => {
  expect(added({ panicDevices: [{}] })).toEqual(['-device pvpanic']);
  expect(added({ panicDevices: [{ model: 'isa' }, { model: 'pvpanic' }] })).toEqual([
    '-device pvpanic',
    '-device pvpanic-pci,id=panic,addr=0x5',
  ]);
  expect(compileParts({ devices: { panicDevices: [{ model: 'hyperv' }] } }).devices.panic).toEqual([]);
  expect(arm64({ panicDevices: [{}], autoattachGraphicsDevice: false })).toEqual([
    'pvpanic-pci,id=panic,addr=0x5',
  ]);
});

test("devices of the box's, on PCI and USB", () => {
  const devices = {
    hostDevices: [{ name: 'dongle', deviceName: 'shop.example/dongle' }],
    gpus: [{ name: 'gpu1', deviceName: 'nvidia.com/T4' }],
  };
  expect(compileParts({ devices }).devices.hostDevices).toEqual([
    { name: 'dongle', resource: 'shop.example/dongle' },
    { name: 'gpu1', resource: 'nvidia.com/T4' },
  ]);
  expect(
    added(devices, [
      { bus: 'usb', place: '1-2.3' },
      { bus: 'pci', address: '0000:01:00.0' },
    ]),
  ).toEqual([
    '-device qemu-xhci,id=usb,p2=15,p3=15,addr=0x5',
    '-device usb-host,id=host0,bus=usb.0,hostbus=1,hostport=2.3',
    '-device vfio-pci,id=host1,host=0000:01:00.0,bus=port0,addr=0x0',
  ]);
});

test('guests of before virtio 1.0 have their devices on the root bus, where there is I/O space', () => {
  const spec = { networks: [{ name: 'default', pod: {} }] };
  const cardOf = (devices: object) =>
    valuesOf(
      commandOf(
        compileParts({ spec, devices: { interfaces: [{ name: 'default', masquerade: {} }], ...devices } }),
      ),
      '-device',
    ).find((device) => device.startsWith('virtio-net'));
  expect(cardOf({})).toMatch(/bus=port0,addr=0x0/);
  expect(cardOf({ useVirtioTransitional: true })).toMatch(/mac=[0-9a-f:]+,addr=0x4/);
});
