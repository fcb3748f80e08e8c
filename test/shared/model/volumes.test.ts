import { describe, expect, test } from 'vitest';
import { causesOf, machineWith } from './manifest.ts';

const IN_SPEC = 'spec.template.spec.';

/** What is refused of the spec: path within it, and why. */
const refusals = (spec: object, devices: object = {}) =>
  causesOf('VirtualMachine', machineWith({ spec, devices })).map(
    ({ field, message }) => [field.replace(IN_SPEC, ''), message] as const,
  );
const volume = (source: object) => refusals({ volumes: [{ name: 'a', ...source }] });
const disk = (change: object, source: object = { emptyDisk: { capacity: '1Mi' } }) =>
  refusals({ volumes: [{ name: 'a', ...source }] }, { disks: [{ name: 'a', ...change }] });

describe('a volume', () => {
  test.each<[string, object]>([
    ['persistentVolumeClaim', { claimName: 'a', readOnly: true, hotpluggable: true }],
    ['ephemeral', { persistentVolumeClaim: { claimName: 'a' } }],
    ['hostDisk', { path: '/srv/disks/a b.img', type: 'Disk' }],
    ['hostDisk', { path: '/srv/a.img', type: 'DiskOrCreate', capacity: '1Gi', shared: true }],
    ['configMap', { name: 'a', optional: true, volumeLabel: 'CFG' }],
    ['secret', { secretName: 'a' }],
    ['sysprep', { configMap: { name: 'a' } }],
    ['downwardAPI', { fields: [{ path: 'a/b', fieldRef: { fieldPath: 'metadata.labels' }, mode: 0o644 }] }],
    ['cloudInitNoCloud', { secretRef: { name: 'a' }, networkDataSecretRef: { name: 'b' } }],
    ['cloudInitConfigDrive', { userData: 'a', networkDataBase64: 'YQ==' }],
  ])('%s %j is taken', (name, source) => {
    expect(volume({ [name]: source })).toEqual([]);
  });

  test.each<[string, object]>([
    ['hostDisk.path', { hostDisk: { path: 'a.img', type: 'Disk' } }],
    ['hostDisk.path', { hostDisk: { path: '/srv/../etc/shadow', type: 'Disk' } }],
    ['hostDisk.path', { hostDisk: { path: '/srv/', type: 'Disk' } }],
    ['hostDisk.path', { hostDisk: { path: '/srv/a\nb', type: 'Disk' } }],
    ['hostDisk.capacity', { hostDisk: { path: '/a', type: 'DiskOrCreate' } }],
    ['hostDisk.capacity', { hostDisk: { path: '/a', type: 'Disk', capacity: '1Gi' } }],
    ['sysprep', { sysprep: {} }],
    ['sysprep', { sysprep: { configMap: { name: 'a' }, secret: { name: 'a' } } }],
    ['configMap.volumeLabel', { configMap: { name: 'a', volumeLabel: 'x'.repeat(33) } }],
    [
      'downwardAPI.fields[0].path',
      { downwardAPI: { fields: [{ path: '../a', fieldRef: { fieldPath: 'metadata.uid' } }] } },
    ],
    [
      'downwardAPI.fields[0].fieldRef.fieldPath',
      { downwardAPI: { fields: [{ path: 'a', fieldRef: { fieldPath: 'spec.x' } }] } },
    ],
    ['cloudInitNoCloud.secretRef', { cloudInitNoCloud: { userData: 'a', secretRef: { name: 'a' } } }],
    ['cloudInitConfigDrive', { cloudInitConfigDrive: {} }],
    ['serviceAccount', { serviceAccount: { serviceAccountName: 'a' } }],
    ['memoryDump', { memoryDump: { claimName: 'a' } }],
  ])('is refused at %s: %j', (field, source) => {
    expect(volume(source).map(([at]) => at)).toContain(`volumes[0].${field}`);
  });

  test('is shown by one disk only, unless as a layer', () => {
    const claim = (name: string) => ({ name, persistentVolumeClaim: { claimName: 'c' } });
    const layer = { name: 'l', ephemeral: { persistentVolumeClaim: { claimName: 'c' } } };
    expect(refusals({ volumes: [claim('a'), layer] })).toEqual([]);
    expect(refusals({ volumes: [claim('a'), claim('b')] })).toEqual([
      ['volumes[1].persistentVolumeClaim.claimName', '"c" is used twice'],
    ]);
  });

  test('of cloud-init there is one, of either source', () => {
    const volumes = [
      { name: 'a', cloudInitNoCloud: { userData: 'a' } },
      { name: 'b', cloudInitConfigDrive: { userData: 'a' } },
    ];
    expect(refusals({ volumes })).toEqual([
      ['volumes[1].cloudInitConfigDrive', 'there can be one cloud-init volume'],
    ]);
  });
});

describe('a disk', () => {
  test.each<[object]>([
    [{ disk: { bus: 'scsi', readonly: true }, serial: 'x'.repeat(36) }],
    [{ disk: { bus: 'usb' }, errorPolicy: 'enospace', cache: 'writeback', io: 'threads' }],
    [{ cdrom: { bus: 'scsi', readonly: true, tray: 'open' } }],
    [{ disk: { bus: 'virtio' }, dedicatedIOThread: true, io: 'native', cache: 'none' }],
    [{ blockSize: { custom: { logical: 512, physical: 4096 } } }],
    [{ blockSize: { matchVolume: { enabled: false }, custom: { logical: 512, physical: 512 } } }],
  ])('%j is taken', (change) => {
    expect(disk(change)).toEqual([]);
  });

  test.each<[string, string, object]>([
    [
      'disk.readonly',
      'SATA has no read-only hard disks: use cdrom, or bus virtio or scsi',
      { disk: { bus: 'sata', readonly: true } },
    ],
    [
      'serial',
      'must be at most 20 characters: bus virtio carries no more',
      { disk: { bus: 'virtio' }, serial: 'x'.repeat(21) },
    ],
    ['io', 'native needs cache none, not writeback', { io: 'native', cache: 'writeback' }],
    ['shareable', 'needs cache none, not writethrough', { shareable: true, cache: 'writethrough' }],
    [
      'dedicatedIOThread',
      "bus sata can't have a thread of its own: use bus virtio",
      { dedicatedIOThread: true },
    ],
    [
      'blockSize.custom.logical',
      'must be at most physical (512)',
      { blockSize: { custom: { logical: 4096, physical: 512 } } },
    ],
    [
      'blockSize.custom.logical',
      'must be 512 with bus sata',
      { blockSize: { custom: { logical: 4096, physical: 4096 } } },
    ],
    [
      'blockSize.custom.physical',
      'must be a power of two',
      { blockSize: { custom: { logical: 512, physical: 1000 } } },
    ],
    [
      'blockSize.matchVolume',
      'must not be given together with custom',
      { blockSize: { custom: { logical: 512, physical: 512 }, matchVolume: {} } },
    ],
  ])('is refused at %s: %s', (field, message, change) => {
    expect(disk(change)).toContainEqual([`domain.devices.disks[0].${field}`, message]);
  });

  test('that several machines write is an image or device that the box has', () => {
    const claim = { persistentVolumeClaim: { claimName: 'a' } };
    expect(disk({ shareable: true }, claim)).toEqual([]);
    expect(disk({ shareable: true })[0]?.[0]).toBe('domain.devices.disks[0].shareable');
  });

  test('of a CD-ROM drive needs no volume, any other does', () => {
    expect(refusals({}, { disks: [{ name: 'drive', cdrom: {} }] })).toEqual([]);
    expect(refusals({}, { disks: [{ name: 'a', disk: {} }] })).toHaveLength(1);
  });

  test('has a place in the boot order that no other has', () => {
    const volumes = ['a', 'b'].map((name) => ({ name, emptyDisk: { capacity: '1Mi' } }));
    const disks = [
      { name: 'a', bootOrder: 1 },
      { name: 'b', bootOrder: 1 },
    ];
    expect(refusals({ volumes }, { disks })).toEqual([
      ['domain.devices.disks[1].bootOrder', '1 is used twice'],
    ]);
  });
});

describe('a credential', () => {
  const source = { secret: { secretName: 'keys' } };
  const volumes = [{ name: 'a', cloudInitNoCloud: { userData: 'a' } }];
  const given = (credential: object) => refusals({ volumes, accessCredentials: [credential] });

  test('is keys or passwords, which get in one way', () => {
    const users = { users: ['debian'] };
    for (const propagationMethod of [{ noCloud: {} }, { qemuGuestAgent: users }])
      expect(given({ sshPublicKey: { source, propagationMethod } })).toEqual([]);
    expect(given({ userPassword: { source, propagationMethod: { qemuGuestAgent: {} } } })).toEqual([]);
    expect(given({})).toHaveLength(1);
    const twoWays = { noCloud: {}, qemuGuestAgent: users };
    expect(given({ sshPublicKey: { source, propagationMethod: twoWays } })).toHaveLength(1);
  });

  test('that goes with cloud-init needs the volume for that', () => {
    expect(given({ sshPublicKey: { source, propagationMethod: { configDrive: {} } } })).toEqual([
      [
        'accessCredentials[0].sshPublicKey.propagationMethod.configDrive',
        'needs a cloudInitConfigDrive volume',
      ],
    ]);
  });

  test('is for users that can be named on a command line', () => {
    const propagationMethod = { qemuGuestAgent: { users: ['--root /'] } };
    expect(given({ sshPublicKey: { source, propagationMethod } })).toHaveLength(1);
  });
});
