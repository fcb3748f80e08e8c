import { describe, expect, test } from 'vitest';
import type { Profile, Template } from '../../../hub/machines/expand.ts';
import { expandTemplate } from '../../../hub/machines/expand.ts';
import { createExpansion } from '../../../hub/machines/expansion.ts';
import { applyPreference } from '../../../hub/machines/preference.ts';
import type { InstancetypeSpec } from '../../../shared/model/instancetype.ts';
import { instancetypeSpec } from '../../../shared/model/instancetype.ts';
import { instanceSpec } from '../../../shared/model/instance-spec.ts';
import type { PreferenceSpec } from '../../../shared/model/preference.ts';
import { preferenceSpec } from '../../../shared/model/preference.ts';

/** What instancetypes and preferences make of a machine's template. Rules: KubeVirt's `pkg/instancetype`. */

const template = (spec: object, annotations: Record<string, string> = {}): Template => ({
  spec: instanceSpec.parse({ domain: { devices: {} }, ...spec }),
  annotations,
});
const instancetype = (cpu: object = {}, memory: object = {}, rest: object = {}): InstancetypeSpec =>
  instancetypeSpec.parse({ cpu: { guest: 2, ...cpu }, memory: { guest: '1Gi', ...memory }, ...rest });
const preference = (spec: object): PreferenceSpec => preferenceSpec.parse(spec);

/** The expanded spec, or `field: message` for each reason why there is none. */
function expand(given: Template, profile: Profile): unknown {
  const expanded = expandTemplate(given, profile);
  return expanded.ok
    ? expanded.template.spec
    : expanded.causes.map(({ field, message }) => `${field}: ${message}`);
}

describe('an instancetype', () => {
  test('gives sizes, and everything else stays as the machine has it', () => {
    const own = { hostname: 'pos', domain: { devices: { rng: {} } } };
    const cpu = { model: 'host-model' };
    const rest = { nodeSelector: { shop: 'bern' } };
    expect(
      expand(template(own), { instancetype: instancetype(cpu, { overcommitPercent: 25 }, rest) }),
    ).toEqual({
      hostname: 'pos',
      nodeSelector: { shop: 'bern' },
      domain: {
        cpu: { cores: 1, sockets: 2, threads: 1, model: 'host-model' },
        memory: { guest: '1Gi' },
        resources: { requests: { memory: String(768 * 2 ** 20) } },
        devices: { rng: {} },
      },
    });
  });

  test.each([
    ['sockets', 4, {}, [4, 1, 1]],
    ['preferCores', 4, {}, [1, 4, 1]],
    ['threads', 4, {}, [1, 1, 4]],
    ['any', 4, {}, [4, 1, 1]],
    ['spread', 4, {}, [2, 2, 1]],
    ['preferSpread', 8, { ratio: 4 }, [2, 4, 1]],
    ['spread', 4, { across: 'CoresThreads' }, [1, 2, 2]],
    ['spread', 8, { across: 'SocketsCoresThreads' }, [2, 2, 2]],
    ['spread', 1, { across: 'SocketsCoresThreads' }, [1, 1, 1]],
  ])('with vCPUs as %s: %d %j', (topology, guest, spreadOptions, [sockets, cores, threads]) => {
    const preferred = preference({ cpu: { preferredCPUTopology: topology, spreadOptions } });
    const expanded = expand(template({}), { instancetype: instancetype({ guest }), preference: preferred });
    expect(expanded).toMatchObject({ domain: { cpu: { sockets, cores, threads } } });
  });

  test('conflicts with a machine that says the same itself, and both places are named', () => {
    const domain = {
      cpu: { cores: 2, model: 'host-model' },
      memory: { guest: '128Mi' },
      resources: { limits: { memory: '1Gi' } },
      devices: {},
    };
    const given = template({ domain, nodeSelector: { shop: 'bern' } }, { os: 'linux' });
    const rest = { nodeSelector: { shop: 'bern' }, annotations: { os: 'windows' } };
    expect(expand(given, { instancetype: instancetype({ model: 'host-model' }, {}, rest) })).toEqual(
      [
        ['spec.template.spec.domain.cpu.model', 'cpu.model'],
        ['spec.template.spec.domain.memory.guest', 'memory.guest'],
        ['spec.template.spec.nodeSelector', 'nodeSelector'],
        ['spec.template.spec.domain.cpu.cores', 'cpu.guest'],
        ['spec.template.spec.domain.resources.limits.memory', 'memory.guest'],
        ['spec.template.metadata.annotations[os]', 'annotations'],
      ].map(
        ([field, source]) =>
          `${field}: conflicts with the instancetype's spec.${source}: give one of the two`,
      ),
    );
  });

  test('that asks for what no machine can have is refused by its own field', () => {
    const gpus = [{ name: 'gpu', deviceName: 'nvidia.com/T4', noSuchField: 1 }];
    expect(expand(template({}), { instancetype: instancetype({}, {}, { gpus }) })).toEqual([
      expect.stringMatching(
        /^spec\.instancetype: its spec\.gpus gives spec\.template\.spec\.domain\.devices\.gpus/,
      ),
    ]);
  });

  test('whose vCPUs do not divide as the preference asks is refused', () => {
    const preferred = preference({ cpu: { preferredCPUTopology: 'spread' } });
    expect(expand(template({}), { instancetype: instancetype({ guest: 3 }), preference: preferred })).toEqual(
      [
        "spec.preference: the instancetype's 3 vCPUs can't be spread across SocketsCores with a ratio of 2, as the preference asks",
      ],
    );
  });
});

describe('a preference', () => {
  const own = {
    domain: {
      memory: { guest: '128Mi' },
      devices: {
        disks: [
          { name: 'root', disk: {} },
          { name: 'swap', disk: { bus: 'sata' } },
          { name: 'tools', cdrom: {} },
        ],
        interfaces: [{ name: 'lan' }, { name: 'pos', masquerade: {}, model: 'virtio' }],
      },
    },
    networks: [
      { name: 'lan', pod: {} },
      { name: 'pos', pod: {} },
    ],
    volumes: ['root', 'swap', 'tools', 'seed'].map((name) => ({ name, emptyDisk: { capacity: '1Gi' } })),
  };

  /** What becomes of a spec, whether or not it can be run. */
  function apply(spec: object, given: object): { readonly spec: unknown; readonly sources: string[] } {
    const expansion = createExpansion(spec);
    applyPreference(expansion, preference(given));
    return {
      spec: expansion.spec,
      sources: expansion.fills.map(({ source, target }) => `${source} -> ${target}`),
    };
  }

  test('fills in only what is left open, on disks and interfaces that are not named too', () => {
    const devices = {
      preferredDiskBus: 'virtio',
      preferredDiskDedicatedIoThread: true,
      preferredCdromBus: 'scsi',
      preferredInterfaceModel: 'e1000e',
      preferredInterfaceMasquerade: {},
      preferredRng: {},
      preferredTPM: { persistent: true },
      preferredSoundModel: 'ich9',
      preferredPanicDeviceModel: 'isa',
      preferredAutoattachInputDevice: true,
    };
    const { spec } = apply(own, { devices });
    expect(spec).toEqual({
      ...own,
      domain: {
        memory: { guest: '128Mi' },
        devices: {
          autoattachInputDevice: true,
          rng: {},
          tpm: { persistent: true },
          panicDevices: [{ model: 'isa' }],
          disks: [
            { name: 'root', disk: { bus: 'virtio' }, dedicatedIOThread: true },
            { name: 'swap', disk: { bus: 'sata' } },
            { name: 'tools', cdrom: { bus: 'scsi' } },
            { name: 'seed', disk: { bus: 'virtio' }, dedicatedIOThread: true },
          ],
          interfaces: [
            { name: 'lan', model: 'e1000e', masquerade: {} },
            { name: 'pos', masquerade: {}, model: 'virtio' },
          ],
        },
      },
    });
  });

  test('gives a machine without interfaces its model on the one that it has all the same', () => {
    const small = { domain: { devices: {} } };
    expect(apply(small, { devices: { preferredInterfaceModel: 'e1000' } }).spec).toEqual({
      domain: { devices: { interfaces: [{ name: 'default', masquerade: {}, model: 'e1000' }] } },
      networks: [{ name: 'default', pod: {} }],
    });
    const without = { domain: { devices: { autoattachPodInterface: false } } };
    expect(apply(without, { devices: { preferredInterfaceModel: 'e1000' } }).spec).toEqual(without);
  });

  test('gives firmware, features, clock, machine type and the rest, and says where each came from', () => {
    const { spec, sources } = apply(
      {
        domain: {
          devices: {},
          features: { hyperv: { vapic: { enabled: false } } },
          clock: { timezone: 'UTC' },
        },
      },
      {
        annotations: { os: 'windows' },
        cpu: { preferredCPUFeatures: [{ name: 'vmx', policy: 'require' }] },
        features: { preferredSmm: {}, preferredHyperv: { vapic: {}, relaxed: {} } },
        firmware: { preferredUseEfi: true, preferredUseSecureBoot: true, preferredUseBios: false },
        clock: { preferredClockOffset: { utc: {} }, preferredTimer: { hpet: { present: false } } },
        machine: { preferredMachineType: 'q35' },
        preferredArchitecture: 'amd64',
        preferredSubdomain: 'shop',
        preferredTerminationGracePeriodSeconds: 90,
        volumes: { preferredStorageClassName: 'fast' },
      },
    );
    expect(spec).toEqual({
      architecture: 'amd64',
      subdomain: 'shop',
      terminationGracePeriodSeconds: 90,
      domain: {
        devices: {},
        machine: { type: 'q35' },
        cpu: { features: [{ name: 'vmx', policy: 'require' }] },
        features: { smm: {}, hyperv: { vapic: { enabled: false }, relaxed: {} } },
        clock: { timezone: 'UTC', timer: { hpet: { present: false } } },
        firmware: { bootloader: { efi: { secureBoot: true } } },
      },
    });
    expect(sources).toContain('firmware.preferredUseEfi -> domain.firmware.bootloader.efi');
    expect(sources).toContain('features.preferredHyperv -> domain.features.hyperv.relaxed');
  });

  test('leaves a machine that boots by BIOS what it boots by', () => {
    const bios = { domain: { devices: {}, firmware: { bootloader: { bios: {} } } } };
    expect(apply(bios, { firmware: { preferredEfi: { secureBoot: true } } }).spec).toEqual(bios);
  });

  test('gives annotations that neither the machine nor its instancetype has', () => {
    const expanded = expandTemplate(template({}, { a: 'own' }), {
      instancetype: instancetype({}, {}, { annotations: { b: 'type' } }),
      preference: preference({ annotations: { a: 'preferred', b: 'preferred', c: 'preferred' } }),
    });
    expect(expanded).toMatchObject({
      template: { annotations: { a: 'own', b: 'type', c: 'preferred' } },
    });
  });

  test.each([
    [
      { cpu: { guest: 4 }, memory: { guest: '2Gi' } },
      [
        'spec.instancetype: has 2 vCPUs, and the preference requires 4',
        'spec.instancetype: has 1Gi of memory, and the preference requires 2Gi',
      ],
    ],
    [
      { architecture: 'arm64' },
      ['spec.template.spec.architecture: must be arm64: the preference requires it'],
    ],
  ])('requires %j of an instancetype', (requirements, causes) => {
    const preferred = preference({ requirements });
    expect(expand(template({}), { instancetype: instancetype(), preference: preferred })).toEqual(causes);
  });

  test('requires vCPUs of a machine in the topology that it prefers', () => {
    const requirements = { cpu: { guest: 2 }, memory: { guest: '64Mi' } };
    const given = template({ domain: { cpu: { cores: 2 }, memory: { guest: '128Mi' }, devices: {} } });
    const asCores = preference({ requirements, cpu: { preferredCPUTopology: 'cores' } });
    expect(expand(given, { preference: asCores })).toMatchObject({ domain: { cpu: { cores: 2 } } });
    expect(expand(given, { preference: preference({ requirements }) })).toEqual([
      'spec.template.spec.domain.cpu.sockets: has 0 vCPUs, and the preference requires 2',
    ]);
  });
});
