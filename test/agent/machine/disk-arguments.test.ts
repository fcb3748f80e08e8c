import { describe, expect, test } from 'vitest';
import type { FoundDisk } from '../../../agent/machine/disk-arguments.ts';
import { diskArguments } from '../../../agent/machine/disk-arguments.ts';
import { createPciLayout } from '../../../agent/machine/pci.ts';
import type { CompiledDisk } from '../../../agent/machine/disk.ts';

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

const compile = (disks: CompiledDisk[], buffered: string[] = [], found: Record<string, FoundDisk> = {}) =>
  diskArguments(disks, new Set(buffered), new Map(Object.entries(found)), createPciLayout({}));
/** The values of one option. */
const valuesOf = (words: readonly string[], option: string) =>
  words.flatMap((word, index) => (words[index - 1] === option ? [word] : []));
const devicesOf = (...disks: CompiledDisk[]) => valuesOf(compile(disks), '-device');
const nodesOf = (...given: Parameters<typeof compile>) => valuesOf(compile(...given), '-blockdev');

test('one disk of each sort in full', () => {
  const seed = { from: 'seed', file: 'seed.iso', image: { label: 'cidata', files: [] } } as const;
  const words = compile([
    disk('root', { bootIndex: 1, serial: 'ROOT' }),
    disk('thread', { ioThread: 'io-thread' }),
    disk('sata', { bus: 'sata' }),
    disk('seed', { bus: 'sata', cdrom: true, readonly: true, content: seed }),
    disk('scsi', { bus: 'scsi', readonly: true }),
    disk('drive', { bus: 'scsi', cdrom: true, readonly: true, content: { from: 'nothing' } }),
    disk('usb', { bus: 'usb' }),
    disk('stick', { bus: 'usb', content: { from: 'empty', bytes: 1 } }),
  ]);
  expect(words.join(' ').split(/ (?=-)/)).toMatchSnapshot();
});

test('SATA disks fill the chipset, then a controller more', () => {
  const devices = devicesOf(...Array.from({ length: 8 }, (_, index) => disk(`d${index}`, { bus: 'sata' })));
  expect(devices.map((device) => /bus=([^,]*)/.exec(device)?.[1] ?? device).join(' ')).toBe(
    'ide.0 ide.1 ide.2 ide.3 ide.4 ide.5 ich9-ahci,id=sata1,addr=0x4 sata1.0 sata1.1',
  );
});

test('an I/O error holds the guest, or what the policy says', () => {
  for (const device of devicesOf(
    disk('a'),
    disk('b', { bus: 'sata' }),
    disk('c', { cdrom: true, bus: 'sata' }),
  ))
    expect(device).toContain('werror=stop,rerror=stop');
  const policy = (errorPolicy: 'ignore' | 'report' | 'enospace') => devicesOf(disk('a', { errorPolicy }))[0];
  expect(policy('ignore')).toContain('werror=ignore,rerror=ignore');
  expect(policy('report')).toContain('werror=report,rerror=report');
  expect(policy('enospace')).toContain('werror=enospc,rerror=report');
});

describe('a cache', () => {
  test('of the box is bypassed where that can and should be', () => {
    expect(nodesOf([disk('a')])).toEqual([expect.stringContaining('cache.direct=on,cache.no-flush=off')]);
    expect(nodesOf([disk('a')], ['a'])).toEqual([
      expect.stringContaining('cache.direct=off,cache.no-flush=off'),
    ]);
    expect(nodesOf([disk('a', { cache: 'writeback' })])).toEqual([
      expect.stringContaining('cache.direct=off'),
    ]);
    expect(devicesOf(disk('a', { cache: 'writethrough' }))).toEqual([
      expect.stringContaining('write-cache=off'),
    ]);
  });

  test('past which native I/O does not get is left to threads', () => {
    expect(nodesOf([disk('a', { io: 'native' })])[0]).toContain('file.aio=native');
    expect(nodesOf([disk('a', { io: 'threads' })])[0]).toContain('file.aio=threads');
    expect(nodesOf([disk('a', { io: 'native' })], ['a'])[0]).not.toContain('aio');
  });
});

test('a disk that the box has is raw at its path, whatever it holds', () => {
  const content = { from: 'claim', claim: 'shop/a' } as const;
  const device = { path: '/dev/sd,a', isDevice: true, format: 'raw' } as const;
  expect(nodesOf([disk('a', { content })], [], { a: device })).toEqual([
    'driver=raw,node-name=disk0,read-only=off,cache.direct=on,cache.no-flush=off,discard=unmap,' +
      'file.driver=host_device,file.filename=/dev/sd,,a,file.aio=native',
  ]);
  const file = { path: '/srv/a.img', isDevice: false, format: 'raw' } as const;
  expect(nodesOf([disk('a', { content })], [], { a: file })[0]).toContain(
    'file.driver=file,file.filename=/srv/a.img',
  );
});

test('a disk of another data volume is in the folder of that', () => {
  const content = { from: 'other', uid: '0a6b2f7e-33f1-4f3c-8a7c-9a1d5e8b7c6d', dataVolume: 'db' } as const;
  expect(nodesOf([disk('a', { content })])[0]).toContain(
    'file.filename=../0a6b2f7e-33f1-4f3c-8a7c-9a1d5e8b7c6d/disk-db.qcow2',
  );
});

test('block sizes are those asked for, or those of what the disk lies on', () => {
  const blockSizes = { logical: 4096, physical: 8192, discardGranularity: 8192 };
  expect(devicesOf(disk('a', { blockSizes }))[0]).toContain(
    'logical_block_size=4096,physical_block_size=8192,discard_granularity=8192',
  );
  const found = { isDevice: false, format: 'qcow2', blockSizes: { logical: 4096, physical: 4096 } } as const;
  const matched = (bus: 'virtio' | 'sata') =>
    valuesOf(compile([disk('a', { bus, blockSizes: 'volume' })], [], { a: found }), '-device')[0];
  expect(matched('virtio')).toContain('logical_block_size=4096,physical_block_size=4096');
  expect(matched('sata')).toContain('logical_block_size=512,physical_block_size=4096');
});

test('a disk that several machines write says so', () => {
  expect(devicesOf(disk('a', { shareable: true }))[0]).toContain('share-rw=on');
  expect(devicesOf(disk('a'))[0]).not.toContain('share-rw');
});
