import { expect, test } from 'vitest';
import { compileCommand } from '../../../agent/machine/command.ts';
import type { CompiledMachine } from '../../../agent/machine/compile.ts';
import type { CompiledInterface } from '../../../agent/machine/interface.ts';
import type { CompiledDisk } from '../../../agent/machine/disk.ts';
import { memoryLimitBytes } from '../../../agent/machine/memory.ts';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { formatOptions } from '../../../agent/machine/options.ts';
import { UID, valuesOf } from './manifest.ts';

function disk(name: string, change: Partial<CompiledDisk> = {}): CompiledDisk {
  return {
    name,
    content: { from: 'blank', dataVolume: name, bytes: 1 },
    bus: 'virtio',
    cdrom: false,
    readonly: false,
    cache: 'none',
    ...change,
  };
}

const CARD: CompiledInterface = {
  name: 'default',
  mac: '52:54:00:00:00:01',
  macGiven: true,
  model: 'virtio',
  network: {
    kind: 'user',
    network: '10.0.2.0/24',
    gateway: '10.0.2.1',
    address: '10.0.2.2',
    nameServer: '10.0.2.3',
    network6: 'fd10:0:2::/64',
    gateway6: 'fd10:0:2::1',
    hostname: 'pos',
  },
  up: true,
  ports: [],
  queues: 1,
};

const MACHINE: CompiledMachine = {
  uid: UID,
  namespace: 'shop',
  name: 'pos',
  memoryBytes: 512 * 2 ** 20,
  maxMemoryBytes: 2048 * 2 ** 20,
  claim: { guestBytes: 512 * 2 ** 20, withOverhead: true },
  architecture: 'amd64',
  machineType: 'q35',
  memory: { locked: false, addedOverheadBytes: 0 },
  cpu: { sockets: 2, maxSockets: 8, cores: 1, threads: 1, features: [] },
  features: { acpi: true, kvmFlags: {} },
  clock: {},
  firmware: {
    uuid: '11111111-2222-4333-8444-555555555555',
    serial: 'a,b',
    loader: { kind: 'bios', useSerial: false },
  },
  disks: [disk('root', { bootIndex: 1, serial: 'ROOT' })],
  interfaces: [CARD],
  bootCards: [],
  devices: {
    rng: true,
    balloon: true,
    video: 'vga',
    inputs: [],
    panic: [],
    hostDevices: [],
    console: 'logged',
    transitional: false,
    hotplug: true,
  },
  ioThreads: 0,
  limits: { weight: 200 },
  endsAtReboot: false,
  startsPaused: false,
  probes: {},
  gracePeriodMs: 30_000,
  desired: {} as DesiredMachine,
};
const ENVIRONMENT = {
  accelerator: 'kvm',
  run: 3,
  nowMs: 0,
  hostDevices: [],
  ports: [],
  taps: new Map<string, never>(),
  bufferedDisks: new Set<string>(),
  foundDisks: new Map(),
  places: {},
} as const;

const compile = (machine: Partial<CompiledMachine> = {}, environment: object = {}) =>
  compileCommand({ ...MACHINE, ...machine }, { ...ENVIRONMENT, ...environment }).words;

test('one machine in full', () => {
  const port = {
    interface: 'default',
    name: 'dns',
    port: 53,
    protocol: 'UDP',
    hostPort: 4053,
    hostAddress: '127.0.0.1',
  };
  expect(
    compile({}, { ports: [port] })
      .join(' ')
      .split(' -'),
  ).toMatchSnapshot();
});

test('the uid is in every command line, whatever the firmware says', () => {
  expect(compile()[1]).toBe(`guest=shop/pos/${UID},debug-threads=on`);
});

test('TCG gets a bounded buffer, and a thread for each CPU where none can be added', () => {
  const emulated = (maxSockets: number) =>
    valuesOf(compile({ cpu: { ...MACHINE.cpu, maxSockets } }, { accelerator: 'tcg' }), '-accel');
  expect(emulated(MACHINE.cpu.sockets)).toEqual(['tcg,thread=multi,tb-size=256']);
  expect(emulated(MACHINE.cpu.sockets + 1)).toEqual(['tcg,thread=single,tb-size=256']);
});

test('a kernel is booted with its arguments as they are', () => {
  const kernelBoot = { folder: '/srv', kernelPath: 'k', args: 'a=1,2 b' };
  const command = compile(
    { firmware: { ...MACHINE.firmware, kernelBoot } },
    { kernel: { kernel: '/srv/k', initrd: '/srv/i' } },
  );
  expect(valuesOf(command, '-kernel')).toEqual(['/srv/k']);
  expect(valuesOf(command, '-initrd')).toEqual(['/srv/i']);
  expect(valuesOf(command, '-append')).toEqual(['a=1,2 b']);
});

test('a comma in a value is doubled', () => {
  expect(formatOptions('x', { a: 'b,c', d: true, e: undefined, f: 2 })).toBe('x,a=b,,c,d=on,f=2');
});

test('the memory limit leaves room for translation where there is any', () => {
  const cpu = { sockets: 2, cores: 1, threads: 1 };
  const mebibytes = (accelerator: 'kvm' | 'tcg') => memoryLimitBytes(2 ** 30, cpu, accelerator) / 2 ** 20;
  expect(mebibytes('kvm')).toBe(1024 + 32 + 192 + 16);
  expect(mebibytes('tcg')).toBe(mebibytes('kvm') + 512);
});
