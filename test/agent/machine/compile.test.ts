import { describe, expect, test } from 'vitest';
import { compileMachine, shapeOf } from '../../../agent/machine/compile.ts';
import type { Manifest } from './desired.ts';
import { UID, desired, imageVolume } from './desired.ts';

const compile = (manifest: Manifest, name?: string) => compileMachine(desired(manifest, name));

describe('memory and CPUs', () => {
  test.each([
    [{ memory: { guest: '512Mi' }, resources: { requests: { memory: '1Gi' } } }, 512],
    [{ memory: {}, resources: { requests: { memory: '1Gi' }, limits: { memory: '2Gi' } } }, 1024],
    [{ memory: {}, resources: { limits: { memory: '2Gi' } } }, 2048],
    [{ memory: { guest: '1000000000' } }, 954],
  ])('%j is %d MiB', (domain, mebibytes) => {
    expect(compile({ domain }).memoryBytes).toBe(mebibytes * 2 ** 20);
  });

  test.each([
    [{}, [1, 1, 1]],
    [{ cpu: { cores: 2, sockets: 2, threads: 2 } }, [2, 2, 2]],
    [{ cpu: { cores: 3 }, resources: { limits: { cpu: '8' } } }, [1, 3, 1]],
    [{ resources: { requests: { cpu: '1500m' } } }, [2, 1, 1]],
    [{ resources: { requests: { cpu: '1' }, limits: { cpu: '4' } } }, [4, 1, 1]],
    [{ resources: { requests: { cpu: '0' } } }, [1, 1, 1]],
  ])('%j has sockets, cores and threads %j', (domain, [sockets, cores, threads]) => {
    expect(compile({ domain }).cpu).toMatchObject({ sockets, cores, threads });
  });
});

test('a kernel is a path inside a folder of the box', () => {
  const container = { image: 'file:///srv/images', kernelPath: '/boot/vmlinuz', initrdPath: 'initrd' };
  const { firmware } = compile({
    domain: {
      firmware: { uuid: UID.toUpperCase(), serial: 'a,b', kernelBoot: { container, kernelArgs: 'quiet' } },
    },
  });
  expect(firmware).toEqual({
    uuid: UID,
    serial: 'a,b',
    loader: { kind: 'bios', useSerial: false },
    kernelBoot: { folder: '/srv/images', kernelPath: '/boot/vmlinuz', initrdPath: 'initrd', args: 'quiet' },
  });
});

test('the grace period is 30 s unless given, and may be none', () => {
  expect(compile({}).gracePeriodMs).toBe(30_000);
  expect(compile({ spec: { terminationGracePeriodSeconds: 0 } }).gracePeriodMs).toBe(0);
});

test.each<[object, number]>([
  [{ guest: '1Gi' }, 4096],
  [{ guest: '512Mi' }, 512],
  [{ guest: '512Mi', maxGuest: '1Gi' }, 1024],
  [{ guest: '1025Mi' }, 1025],
  [{ guest: '2Gi', hugepages: { pageSize: '2Mi' } }, 2048],
])('a guest with memory %j can be given up to %d MiB while it runs', (memory, mebibytes) => {
  expect(compile({ domain: { memory } }).maxMemoryBytes / 2 ** 20).toBe(mebibytes);
});

describe('the shape', () => {
  const volumes = [{ name: 'root', dataVolume: { name: 'pos-root' } }];
  const base = { spec: { volumes }, dataVolumes: [imageVolume('pos-root')] };
  const shape = (change: Parameters<typeof compile>[0]) => shapeOf(compile(change));

  test('changes with what the process is made of', () => {
    expect(shape(base)).toEqual(shape(base));
    expect(shape({ ...base, domain: { cpu: { cores: 2 } } })).not.toEqual(shape(base));
  });

  test('does not change with what a restart would not change', () => {
    const grown = { ...base, dataVolumes: [imageVolume('pos-root', '20Gi')] };
    const patient = { ...base, spec: { volumes, terminationGracePeriodSeconds: 60 } };
    for (const other of [grown, patient]) expect(shape(other)).toEqual(shape(base));
  });
});
