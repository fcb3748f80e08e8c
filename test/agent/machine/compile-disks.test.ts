import { describe, expect, test } from 'vitest';
import { compileDisks } from '../../../agent/machine/compile-disks.ts';
import type { Manifest } from './desired.ts';
import { SHA, UID, base64, desired, imageVolume } from './desired.ts';

const OTHER = '0a6b2f7e-33f1-4f3c-8a7c-9a1d5e8b7c6d';

const compile = (manifest: Manifest) => compileDisks(desired(manifest));
/** The content of one volume that no disk names. */
const contentOf = (source: object, entry: object = {}, dataVolumes: object[] = []) =>
  compile({ spec: { volumes: [{ name: 'data', ...source }] }, entry, dataVolumes })[0]?.content;

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
    expect(compile({ spec: { volumes }, devices: { disks }, dataVolumes })).toEqual([
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
    expect(compiled.map(({ bootIndex }) => bootIndex)).toEqual([undefined, 2, 1]);
  });

  test('of an image without a size have its own', () => {
    const [tools] = compile({ spec: { volumes: volumes.slice(2) }, dataVolumes });
    expect(tools?.content).toMatchObject({ from: 'image', minBytes: 0 });
  });

  test('that are blank have the size of pvc, too', () => {
    const pvc = { resources: { requests: { storage: '5G' } } };
    const blank = { metadata: { name: 'pos-root' }, spec: { source: { blank: {} }, pvc } };
    const [root] = compile({ spec: { volumes: volumes.slice(1, 2) }, dataVolumes: [blank] });
    expect(root?.content).toEqual({ from: 'blank', dataVolume: 'pos-root', bytes: 5e9 });
  });

  test('have all that a manifest says of them', () => {
    const custom = { logical: 4096, physical: 8192, discardGranularity: 8192 };
    const disk = {
      name: 'extra',
      disk: { bus: 'virtio' },
      serial: 'S1',
      cache: 'none',
      io: 'native',
      errorPolicy: 'report',
      dedicatedIOThread: true,
      blockSize: { custom },
    };
    const [extra] = compile({ spec: { volumes: volumes.slice(0, 1) }, devices: { disks: [disk] } });
    expect(extra).toMatchObject({
      serial: 'S1',
      io: 'native',
      errorPolicy: 'report',
      ioThread: 'io-extra',
      blockSizes: custom,
    });
    const usual = { ...disk, io: 'default', errorPolicy: 'stop', blockSize: { matchVolume: {} } };
    const [matched] = compile({ spec: { volumes: volumes.slice(0, 1) }, devices: { disks: [usual] } });
    expect(matched).toMatchObject({ blockSizes: 'volume' });
    expect(matched).not.toHaveProperty('io');
    expect(matched).not.toHaveProperty('errorPolicy');
  });

  test('of a CD-ROM drive are empty without a volume, and with the tray open', () => {
    const disks = [
      { name: 'drive', cdrom: { bus: 'scsi' } },
      { name: 'tools', cdrom: { tray: 'open' } },
    ];
    const compiled = compile({ spec: { volumes: volumes.slice(2) }, devices: { disks }, dataVolumes });
    expect(compiled.map(({ content, bus }) => [content.from, bus])).toEqual([
      ['nothing', 'scsi'],
      ['nothing', 'sata'],
    ]);
  });
});

describe('a claim', () => {
  const claim = (claimName: string) => ({ persistentVolumeClaim: { claimName } });
  const references = { dataVolumes: { shared: { uid: OTHER, dataVolume: 'of-another' } } };

  test("is the machine's own data volume, then another's, then what the box has", () => {
    expect(contentOf(claim('own'), { references }, [imageVolume('own')])).toMatchObject({
      from: 'image',
      dataVolume: 'own',
    });
    const other = { from: 'other', uid: OTHER, dataVolume: 'of-another' };
    expect(contentOf(claim('shared'), { references })).toEqual(other);
    expect(contentOf({ dataVolume: { name: 'shared' } }, { references })).toEqual(other);
    expect(contentOf(claim('mapped'), { references })).toEqual({ from: 'claim', claim: 'shop/mapped' });
  });

  test('may have a layer over it that is thrown away, unless it is the machine its own', () => {
    const layer = (claimName: string) => ({ ephemeral: { persistentVolumeClaim: { claimName } } });
    expect(contentOf(layer('mapped'))).toEqual({
      from: 'layer',
      over: { from: 'claim', claim: 'shop/mapped' },
    });
    expect(() => contentOf(layer('own'), {}, [imageVolume('own')])).toThrow(
      /own, which is a disk of this machine/,
    );
  });

  test('that is only to be read is a disk that is, or on SATA a CD-ROM', () => {
    const volumes = [{ name: 'a', persistentVolumeClaim: { claimName: 'a', readOnly: true } }];
    expect(compile({ spec: { volumes } })[0]).toMatchObject({ readonly: true, cdrom: true, bus: 'sata' });
    const disks = [{ name: 'a', disk: { bus: 'scsi' } }];
    expect(compile({ spec: { volumes }, devices: { disks } })[0]).toMatchObject({
      readonly: true,
      cdrom: false,
    });
  });

  test('of a data volume that is nowhere is refused by name', () => {
    expect(() => contentOf({ dataVolume: { name: 'gone' } })).toThrow(
      'volume data: no data volume has the name gone',
    );
  });
});

test('a hostDisk is a path, made where it has a size', () => {
  expect(contentOf({ hostDisk: { path: '/srv/a.img', type: 'Disk' } })).toEqual({
    from: 'host',
    path: '/srv/a.img',
  });
  const hostDisk = { path: '/srv/a.img', type: 'DiskOrCreate', capacity: '1Gi', shared: true };
  const [disk] = compile({ spec: { volumes: [{ name: 'a', hostDisk }] } });
  expect(disk).toMatchObject({
    content: { from: 'host', path: '/srv/a.img', bytes: 2 ** 30 },
    shareable: true,
  });
});

describe('files', () => {
  const references = {
    configMaps: {
      app: { data: { 'b.conf': 'B' }, binaryData: { a: 'AP8=' } },
      odd: { data: { '../x': '' } },
    },
    secrets: { key: { data: { token: base64('t0ken') } }, answers: { data: { 'Autounattend.xml': '' } } },
  };
  const filesOf = (source: object, entry: object = {}) => contentOf(source, { references, ...entry });

  test('of ConfigMaps and Secrets are their keys, under the label that the guest looks for', () => {
    expect(filesOf({ configMap: { name: 'app' } })).toEqual({
      from: 'seed',
      file: 'seed-data.iso',
      image: {
        label: 'cfgdata',
        files: [
          { path: 'a', content: 'AP8=', encoding: 'base64' },
          { path: 'b.conf', content: 'B', encoding: 'utf8' },
        ],
      },
    });
    expect(filesOf({ secret: { secretName: 'key', volumeLabel: 'KEYS' } })).toMatchObject({
      image: { label: 'KEYS', files: [{ path: 'token', content: base64('t0ken'), encoding: 'base64' }] },
    });
    expect(filesOf({ sysprep: { secret: { name: 'answers' } } })).toMatchObject({
      image: { label: 'unattendCD' },
    });
  });

  test('that are missing or no names of files are refused by name, unless they are optional', () => {
    expect(() => filesOf({ configMap: { name: 'none' } })).toThrow('volume data: there is no ConfigMap none');
    expect(filesOf({ secret: { secretName: 'none', optional: true } })).toMatchObject({
      image: { files: [] },
    });
    expect(() => filesOf({ configMap: { name: 'odd' } })).toThrow(/key "\.\.\/x" of ConfigMap odd/);
    expect(() => filesOf({ sysprep: { configMap: { name: 'app' } } })).toThrow(/neither autounattend\.xml/);
  });

  test("show the machine's metadata as the downward API writes it", () => {
    const field = (path: string, fieldPath: string) => ({ path, fieldRef: { fieldPath } });
    const fields = [
      field('who/name', 'metadata.name'),
      field('uid', 'metadata.uid'),
      field('labels', 'metadata.labels'),
      field('zone', "metadata.labels['shop.example/zone']"),
      field('note', "metadata.annotations['none']"),
      field('notes', 'metadata.annotations'),
    ];
    const labels = { 'shop.example/zone': 'north', app: 'till' };
    const annotations = { by: 'a "b"\n' };
    const content = filesOf({ downwardAPI: { fields } }, { labels, annotations });
    expect(content).toMatchObject({
      image: {
        files: [
          { path: 'who/name', content: 'pos' },
          { path: 'uid', content: UID },
          { path: 'labels', content: 'app="till"\nshop.example/zone="north"\n' },
          { path: 'zone', content: 'north' },
          { path: 'note', content: '' },
          { path: 'notes', content: 'by="a \\"b\\"\\n"\n' },
        ],
      },
    });
  });
});
