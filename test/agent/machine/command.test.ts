import { describe, expect, test } from 'vitest';
import { compileCommand } from '../../../agent/machine/command.ts';
import type { CompiledMachine } from '../../../agent/machine/compile.ts';
import type { CompiledDisk } from '../../../agent/machine/disk.ts';
import { memoryLimitBytes } from '../../../agent/machine/memory.ts';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { formatOptions } from '../../../agent/machine/options.ts';

const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';

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

const MACHINE: CompiledMachine = {
  uid: UID,
  namespace: 'shop',
  name: 'pos',
  memoryBytes: 512 * 2 ** 20,
  maxMemoryBytes: 2048 * 2 ** 20,
  cpu: { sockets: 2, cores: 1, threads: 1, maxSockets: 8 },
  firmware: { uuid: '11111111-2222-4333-8444-555555555555', serial: 'a,b' },
  disks: [disk('root', { bootIndex: 1, serial: 'ROOT' })],
  interfaces: [{ name: 'default', mac: '52:54:00:00:00:01', model: 'virtio', ports: [] }],
  seed: [],
  rng: true,
  graphics: true,
  gracePeriodMs: 30_000,
  desired: {} as DesiredMachine,
};
const ENVIRONMENT = {
  accelerator: 'kvm',
  run: 3,
  ports: [],
  bufferedDisks: new Set<string>(),
  places: {},
} as const;

const compile = (machine: Partial<CompiledMachine> = {}, environment: object = {}) =>
  compileCommand({ ...MACHINE, ...machine }, { ...ENVIRONMENT, ...environment }).words;
/** The values of one option. */
const valuesOf = (command: readonly string[], option: string) =>
  command.flatMap((word, index) => (command[index - 1] === option ? [word] : []));

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

test('TCG gets the most capable CPU and a bounded buffer', () => {
  const command = compile({}, { accelerator: 'tcg' });
  expect(valuesOf(command, '-cpu')).toEqual(['max']);
  expect(valuesOf(command, '-accel')).toEqual(['tcg,thread=multi,tb-size=256']);
});

test('a kernel is booted with its arguments as they are', () => {
  const kernelBoot = { folder: '/srv', kernelPath: 'k', args: 'a=1,2 b' };
  const command = compile(
    { firmware: { uuid: UID, kernelBoot } },
    { kernel: { kernel: '/srv/k', initrd: '/srv/i' } },
  );
  expect(valuesOf(command, '-kernel')).toEqual(['/srv/k']);
  expect(valuesOf(command, '-initrd')).toEqual(['/srv/i']);
  expect(valuesOf(command, '-append')).toEqual(['a=1,2 b']);
});

describe('disks', () => {
  const devicesOf = (...disks: CompiledDisk[]) =>
    valuesOf(compile({ disks, interfaces: [], rng: false, graphics: false }), '-device')
      .filter((device) => !device.startsWith('pcie-root-port'))
      .slice(2);
  const nodesOf = (cached: CompiledDisk, buffered: string[] = []) =>
    valuesOf(compile({ disks: [cached] }, { bufferedDisks: new Set(buffered) }), '-blockdev');

  test('of SATA fill the chipset, then a controller more', () => {
    const devices = devicesOf(...Array.from({ length: 8 }, (_, index) => disk(`d${index}`, { bus: 'sata' })));
    expect(devices.map((device) => /bus=([^,]*)/.exec(device)?.[1] ?? device).join(' ')).toBe(
      'ide.0 ide.1 ide.2 ide.3 ide.4 ide.5 ich9-ahci,id=sata1,addr=0x4 sata1.0 sata1.1',
    );
  });

  test('hold the guest at an I/O error', () => {
    for (const device of devicesOf(
      disk('a'),
      disk('b', { bus: 'sata' }),
      disk('c', { bus: 'sata', cdrom: true, readonly: true }),
    )) {
      expect(device).toContain('werror=stop,rerror=stop');
    }
  });

  test('bypass the page cache where they can and should', () => {
    expect(nodesOf(disk('a'))).toEqual([expect.stringContaining('cache.direct=on,cache.no-flush=off')]);
    expect(nodesOf(disk('a'), ['a'])).toEqual([
      expect.stringContaining('cache.direct=off,cache.no-flush=off'),
    ]);
    expect(nodesOf(disk('a', { cache: 'writeback' }))).toEqual([expect.stringContaining('cache.direct=off')]);
    expect(devicesOf(disk('a', { cache: 'writethrough' }))).toEqual([
      expect.stringContaining('write-cache=off'),
    ]);
  });

  test('have the seed as a raw image, never written to', () => {
    const seed = disk('a-long-name-of-a-volume-more-than-31-characters', {
      content: { from: 'seed' },
      readonly: true,
    });
    expect(nodesOf(seed)).toEqual([
      'driver=raw,node-name=disk0,read-only=on,cache.direct=on,cache.no-flush=off,file.driver=file,file.filename=seed.iso',
    ]);
  });
});

test('a machine without graphics has no display device', () => {
  expect(valuesOf(compile({ graphics: false }), '-device').some((device) => device.startsWith('VGA'))).toBe(
    false,
  );
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
