import { describe, expect, test } from 'vitest';
import type { MachineParts } from './manifest.ts';
import { causesOf, machineWith } from './manifest.ts';

const IN_SPEC = 'spec.template.spec';
const refusals = (parts: MachineParts) =>
  causesOf('VirtualMachine', machineWith(parts)).map(({ field, reason, message }) => [
    field,
    reason,
    message,
  ]);
const image = (name: string) => ({
  metadata: { name },
  spec: { source: { http: { url: 'http://a.example/b' } } },
});
const scratch = (name: string) => ({ name, emptyDisk: { capacity: '1Gi' } });

test.each<[string, MachineParts]>([
  ['nothing but memory', {}],
  ['running instead of a strategy', { machine: { running: true, runStrategy: undefined } }],
  ['memory as a request', { domain: { memory: undefined, resources: { requests: { memory: '1Gi' } } } }],
  [
    'a disk from a template, one that is empty and a seed',
    {
      machine: { dataVolumeTemplates: [image('root')] },
      spec: {
        volumes: [
          { name: 'root', dataVolume: { name: 'root' } },
          scratch('a'),
          { name: 'seed', cloudInitNoCloud: { userData: '#cloud-config' } },
        ],
      },
      devices: {
        disks: [
          { name: 'root', disk: { bus: 'virtio' } },
          { name: 'seed', cdrom: { bus: 'sata' } },
        ],
      },
    },
  ],
  [
    'a network with ports',
    {
      spec: { networks: [{ name: 'default', pod: {} }] },
      devices: {
        interfaces: [
          { name: 'default', masquerade: {}, macAddress: '02:00:5e:00:53:01', ports: [{ port: 80 }] },
        ],
      },
    },
  ],
])('a machine with %s is taken', (_, parts) => {
  expect(refusals(parts)).toEqual([]);
});

describe('a field that is not known', () => {
  test('is refused, with the one that was meant where that can be told', () => {
    expect(refusals({ devices: { disk: [] } })).toEqual([
      [`${IN_SPEC}.domain.devices.disk`, 'FieldValueForbidden', 'unknown field; did you mean "disks"?'],
    ]);
    expect(refusals({ spec: { hostnmae: 'a' } })).toEqual([
      [`${IN_SPEC}.hostnmae`, 'FieldValueForbidden', 'unknown field; did you mean "hostname"?'],
    ]);
  });

  test('is refused with those that are', () => {
    const [[field, , message] = []] = refusals({ domain: { memory: { size: '1Gi' } } });
    expect([field, message]).toEqual([
      `${IN_SPEC}.domain.memory.size`,
      'unknown field; known here: guest, hugepages, maxGuest, reservedOverhead',
    ]);
  });

  test('is refused as not supported where KubeVirt has it', () => {
    const causes = refusals({
      domain: { launchSecurity: {} },
      devices: { filesystems: [], downwardMetrics: {} },
    });
    expect(new Set(causes.map(([field]) => field))).toEqual(
      new Set([
        `${IN_SPEC}.domain.devices.filesystems`,
        `${IN_SPEC}.domain.devices.downwardMetrics`,
        `${IN_SPEC}.domain.launchSecurity`,
      ]),
    );
    for (const [, reason, message] of causes) {
      expect(reason).toBe('FieldValueNotSupported');
      expect(message).toMatch(/^is not supported: ./);
    }
  });

  test('hides nothing else that is wrong', () => {
    const fields = refusals({
      spec: { hostname: 'A b' },
      domain: { memory: { guest: 'lots' } },
      devices: { x: 1 },
    });
    expect(new Set(fields.map(([field]) => field))).toEqual(
      new Set([`${IN_SPEC}.domain.devices.x`, `${IN_SPEC}.domain.memory.guest`, `${IN_SPEC}.hostname`]),
    );
  });
});

describe('a field that is missing', () => {
  test.each<[string, MachineParts]>([
    ['spec.runStrategy', { machine: { runStrategy: undefined } }],
    ['spec.template', { machine: { template: undefined } }],
    [`${IN_SPEC}.domain.memory.guest`, { domain: { memory: undefined } }],
    [`${IN_SPEC}.volumes[0].name`, { spec: { volumes: [{ emptyDisk: { capacity: '1Gi' } }] } }],
    [`${IN_SPEC}.volumes[0].emptyDisk.capacity`, { spec: { volumes: [{ name: 'a', emptyDisk: {} }] } }],
    [`${IN_SPEC}.networks[0].pod`, { spec: { networks: [{ name: 'a' }] } }],
    [
      `${IN_SPEC}.domain.devices.interfaces[0].masquerade`,
      { spec: { networks: [{ name: 'a', pod: {} }] }, devices: { interfaces: [{ name: 'a' }] } },
    ],
    [
      'spec.dataVolumeTemplates[0].metadata.name',
      { machine: { dataVolumeTemplates: [{ ...image('a'), metadata: {} }] } },
    ],
  ])('%s is required', (field, parts) => {
    const required = refusals(parts).filter(([, reason]) => reason === 'FieldValueRequired');
    expect(required.map(([missing]) => missing)).toEqual([field]);
    expect(required[0]?.[2]).toMatch(/^is required/);
  });
});

describe('a name used twice', () => {
  test.each<[string, MachineParts]>([
    [`${IN_SPEC}.volumes[1].name`, { spec: { volumes: [scratch('a'), scratch('a')] } }],
    [
      `${IN_SPEC}.domain.devices.disks[2].name`,
      {
        spec: { volumes: [scratch('a'), scratch('b')] },
        devices: { disks: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] },
      },
    ],
    [
      'spec.dataVolumeTemplates[1].metadata.name',
      { machine: { dataVolumeTemplates: [image('a'), image('a')] } },
    ],
  ])('is refused at %s', (field, parts) => {
    const repeated = refusals(parts).filter(([, reason]) => reason === 'FieldValueDuplicate');
    expect(repeated).toEqual([[field, 'FieldValueDuplicate', '"a" is used twice']]);
  });
});

describe('what refers to something that is not there', () => {
  test.each<[string, string, MachineParts]>([
    [
      `${IN_SPEC}.domain.devices.disks[0].name`,
      'no volume in spec.volumes has the name "a"',
      { devices: { disks: [{ name: 'a' }] } },
    ],
    [
      `${IN_SPEC}.domain.devices.interfaces[0].name`,
      'no network in spec.networks has the name "a"',
      { devices: { interfaces: [{ name: 'a', masquerade: {} }] } },
    ],
    [
      `${IN_SPEC}.networks[0].name`,
      'no interface in spec.domain.devices.interfaces has the name "a"',
      { spec: { networks: [{ name: 'a', pod: {} }] } },
    ],
  ])('%s: %s', (field, message, parts) => {
    expect(refusals(parts)).toContainEqual([field, 'FieldValueInvalid', message]);
  });
});

describe('what goes against something else', () => {
  test.each<[string, string, MachineParts]>([
    ['spec.running', 'must not be given together with runStrategy', { machine: { running: true } }],
    [
      `${IN_SPEC}.volumes[0]`,
      'must have exactly one source, such as dataVolume, emptyDisk or cloudInitNoCloud',
      { spec: { volumes: [{ name: 'a' }] } },
    ],
    [
      `${IN_SPEC}.volumes[0]`,
      'must have exactly one source, such as dataVolume, emptyDisk or cloudInitNoCloud',
      { spec: { volumes: [{ ...scratch('a'), cloudInitNoCloud: { userData: 'a' } }] } },
    ],
    [
      `${IN_SPEC}.volumes[0].cloudInitNoCloud.userDataBase64`,
      'must not be given together with userData',
      { spec: { volumes: [{ name: 'a', cloudInitNoCloud: { userData: 'a', userDataBase64: 'YQ==' } }] } },
    ],
    [
      `${IN_SPEC}.volumes[1].cloudInitNoCloud`,
      'there can be one cloud-init volume',
      {
        spec: {
          volumes: ['a', 'b'].map((name) => ({ name, cloudInitNoCloud: { userData: name } })),
        },
      },
    ],
    [
      `${IN_SPEC}.domain.devices.disks[0].cdrom`,
      'must not be given together with disk',
      { spec: { volumes: [scratch('a')] }, devices: { disks: [{ name: 'a', disk: {}, cdrom: {} }] } },
    ],
    [
      'spec.dataVolumeTemplates[0].spec.source',
      'must name exactly one source of: http, registry, blank, pvc, upload',
      { machine: { dataVolumeTemplates: [{ metadata: { name: 'a' }, spec: { source: {} } }] } },
    ],
    [
      'spec.dataVolumeTemplates[0].spec.storage.resources.requests.storage',
      'is required for a blank disk',
      { machine: { dataVolumeTemplates: [{ metadata: { name: 'a' }, spec: { source: { blank: {} } } }] } },
    ],
    [
      'spec.dataVolumeTemplates[0].spec.storage',
      'must not be given together with pvc',
      {
        machine: {
          dataVolumeTemplates: [{ ...image('a'), spec: { ...image('a').spec, pvc: {}, storage: {} } }],
        },
      },
    ],
  ])('%s %s', (field, message, parts) => {
    expect(refusals(parts).map(([at, , why]) => [at, why])).toContainEqual([field, message]);
  });
});

test.each<[string, MachineParts]>([
  ['spec.runStrategy', { machine: { runStrategy: 'Sometimes' } }],
  [`${IN_SPEC}.domain.cpu.cores`, { domain: { cpu: { cores: 0 } } }],
  [`${IN_SPEC}.domain.cpu.cores`, { domain: { cpu: { cores: 1.5 } } }],
  [`${IN_SPEC}.domain.cpu.cores`, { domain: { cpu: { cores: '2' } } }],
  [`${IN_SPEC}.domain.memory.guest`, { domain: { memory: { guest: '0' } } }],
  [`${IN_SPEC}.domain.memory.guest`, { domain: { memory: { guest: '1GB' } } }],
  [`${IN_SPEC}.terminationGracePeriodSeconds`, { spec: { terminationGracePeriodSeconds: -1 } }],
  [
    `${IN_SPEC}.volumes[0].cloudInitNoCloud.userDataBase64`,
    { spec: { volumes: [{ name: 'a', cloudInitNoCloud: { userDataBase64: 'not base64' } }] } },
  ],
  [
    'spec.dataVolumeTemplates[0].spec.source.http.url',
    {
      machine: {
        dataVolumeTemplates: [{ metadata: { name: 'a' }, spec: { source: { http: { url: 'ftp://a' } } } }],
      },
    },
  ],
  [
    'spec.dataVolumeTemplates[0].spec.source.http.checksum',
    {
      machine: {
        dataVolumeTemplates: [
          {
            metadata: { name: 'a' },
            spec: { source: { http: { url: 'http://a.example/b', checksum: 'md5:00' } } },
          },
        ],
      },
    },
  ],
])('a wrong value is refused at %s', (field, parts) => {
  expect(refusals(parts).map(([at]) => at)).toEqual([field]);
});
