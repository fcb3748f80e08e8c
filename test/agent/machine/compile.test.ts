import { describe, expect, test } from 'vitest';
import { compileMachine, shapeOf } from '../../../agent/machine/compile.ts';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { desiredMachine } from '../../../shared/model/machine.ts';

const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';
const SHA = 'AB'.repeat(32);

interface Manifest {
  readonly spec?: object;
  readonly domain?: object;
  readonly devices?: object;
  readonly dataVolumes?: readonly object[];
}

function desired({ spec, domain, devices, dataVolumes = [] }: Manifest, name = 'pos'): DesiredMachine {
  return desiredMachine.parse({
    uid: UID,
    namespace: 'shop',
    name,
    kind: 'VirtualMachine',
    generation: 1,
    runStrategy: 'Always',
    dataVolumes,
    spec: { ...spec, domain: { memory: { guest: '1Gi' }, ...domain, devices: { ...devices } } },
  });
}

const compile = (manifest: Manifest, name?: string) => compileMachine(desired(manifest, name));
const imageVolume = (name: string, storage?: string) => ({
  metadata: { name },
  spec: {
    source: { http: { url: `http://images.example/${name}`, checksum: `sha256:${SHA}` } },
    ...(storage === undefined ? {} : { storage: { resources: { requests: { storage } } } }),
  },
});

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

describe('disks', () => {
  const volumes = [
    { name: 'extra', emptyDisk: { capacity: '1Gi' } },
    { name: 'root', dataVolume: { name: 'pos-root' } },
    { name: 'tools', dataVolume: { name: 'pos-tools' } },
  ];
  const dataVolumes = [imageVolume('pos-root', '10Gi'), imageVolume('pos-tools')];

  test('come in their order, then a SATA disk for each volume that none names', () => {
    const disks = [
      { name: 'root', disk: { bus: 'virtio' } },
      { name: 'tools', cdrom: {} },
    ];
    expect(compile({ spec: { volumes }, devices: { disks }, dataVolumes }).disks).toEqual([
      {
        name: 'root',
        content: {
          from: 'image',
          dataVolume: 'pos-root',
          source: { url: 'http://images.example/pos-root', sha256: SHA.toLowerCase() },
          minBytes: 10 * 2 ** 30,
        },
        bus: 'virtio',
        cdrom: false,
        readonly: false,
        cache: 'none',
        bootIndex: 1,
      },
      expect.objectContaining({ name: 'tools', bus: 'sata', cdrom: true, readonly: true, bootIndex: 2 }),
      expect.objectContaining({
        name: 'extra',
        content: { from: 'empty', bytes: 2 ** 30 },
        bus: 'sata',
        readonly: false,
        bootIndex: 3,
      }),
    ]);
  });

  test('boot in the order of bootOrder where one has it', () => {
    const disks = [{ name: 'extra' }, { name: 'root', bootOrder: 7 }, { name: 'tools', bootOrder: 3 }];
    const compiled = compile({ spec: { volumes }, devices: { disks }, dataVolumes });
    expect(compiled.disks.map(({ bootIndex }) => bootIndex)).toEqual([undefined, 2, 1]);
  });

  test('of an image without a size have its own', () => {
    const [tools] = compile({ spec: { volumes: volumes.slice(2) }, dataVolumes }).disks;
    expect(tools?.content).toMatchObject({ from: 'image', minBytes: 0 });
  });

  test('that are blank have the size of pvc, too', () => {
    const pvc = { resources: { requests: { storage: '5G' } } };
    const blank = { metadata: { name: 'pos-root' }, spec: { source: { blank: {} }, pvc } };
    const [root] = compile({ spec: { volumes: volumes.slice(1, 2) }, dataVolumes: [blank] }).disks;
    expect(root?.content).toEqual({ from: 'blank', dataVolume: 'pos-root', bytes: 5e9 });
  });
});

describe('interfaces', () => {
  test('default to one on the pod network, unless declined', () => {
    const [only, ...more] = compile({}).interfaces;
    expect(only).toEqual({
      name: 'default',
      mac: expect.stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/),
      model: 'virtio',
      ports: [],
    });
    expect(more).toEqual([]);
    expect(compile({ devices: { autoattachPodInterface: false } }).interfaces).toEqual([]);
  });

  test('keep a given address, and derive one that is each machine its own', () => {
    const named = (macAddress?: string) =>
      compile({
        spec: { networks: [{ name: 'lan', pod: {} }] },
        devices: {
          interfaces: [
            { name: 'lan', masquerade: {}, macAddress, ports: [{ port: 53, protocol: 'UDP' }, { port: 80 }] },
          ],
        },
      }).interfaces[0];
    expect(named('02-00-00-AA-BB-CC')?.mac).toBe('02:00:00:aa:bb:cc');
    expect(named()?.mac).toBe(named()?.mac);
    expect(named()?.mac).not.toBe(compile({}).interfaces[0]?.mac);
    expect(named()?.ports).toEqual([
      { port: 53, protocol: 'UDP' },
      { port: 80, protocol: 'TCP' },
    ]);
  });
});

describe('the seed', () => {
  const seedOf = (cloudInitNoCloud: object, spec: object = {}, name?: string) =>
    compile({ spec: { ...spec, volumes: [{ name: 'seed', cloudInitNoCloud }] } }, name).seed;

  test('says who the machine is, whatever else changes', () => {
    expect(seedOf({ userData: '#cloud-config\n', networkDataBase64: 'e30=' })).toEqual([
      { name: 'meta-data', content: `instance-id: ${UID}\nlocal-hostname: pos\n`, encoding: 'utf8' },
      { name: 'user-data', content: '#cloud-config\n', encoding: 'utf8' },
      { name: 'network-config', content: 'e30=', encoding: 'base64' },
    ]);
    expect(seedOf({ networkData: '{}' })[1]).toEqual({ name: 'user-data', content: '', encoding: 'utf8' });
    expect(seedOf({ userDataBase64: 'AP8=' })[1]).toEqual({
      name: 'user-data',
      content: 'AP8=',
      encoding: 'base64',
    });
  });

  test('has the hostname of the spec, or the first label of the name', () => {
    expect(seedOf({ userData: '' }, { hostname: 'till' })[0]?.content).toContain('local-hostname: till\n');
    expect(seedOf({ userData: '' }, {}, 'pos.shop-7')[0]?.content).toContain('local-hostname: pos\n');
  });

  test('is a read-only disk, and none where no volume asks', () => {
    const [disk] = compile({
      spec: { volumes: [{ name: 'seed', cloudInitNoCloud: { userData: '' } }] },
    }).disks;
    expect(disk).toMatchObject({ content: { from: 'seed' }, bus: 'sata', cdrom: true, readonly: true });
    expect(compile({}).seed).toEqual([]);
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
    kernelBoot: { folder: '/srv/images', kernelPath: '/boot/vmlinuz', initrdPath: 'initrd', args: 'quiet' },
  });
});

test('the grace period is 30 s unless given, and may be none', () => {
  expect(compile({}).gracePeriodMs).toBe(30_000);
  expect(compile({ spec: { terminationGracePeriodSeconds: 0 } }).gracePeriodMs).toBe(0);
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
