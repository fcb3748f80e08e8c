import { z } from 'zod';
import type { KindDefinition, ResourceObject } from './kind.ts';
import { ageColumn, defineKind } from './kind.ts';
import { annotations } from './metadata.ts';
import { fields, meaningless, positiveQuantity } from './schema.ts';

/**
 * KubeVirt's `VirtualMachinePreference` and its cluster-wide form (instancetype.kubevirt.io/v1beta1): what a machine
 * gets where its own spec leaves it open. What it puts there is checked there, where a machine uses it, so that the
 * usual collections of preferences can be applied as a whole.
 */

/** A struct of the domain, as the domain has it. */
const asInDomain = z.record(z.string(), z.unknown());
const into = <Schema extends z.ZodType>(schema: Schema, target: string) =>
  schema.meta({ description: `Put into the machine's ${target} where that is not given` }).optional();

/** How an instancetype's vCPUs are shown to the guest; those that begin with `prefer` are older words for the same. */
export const CPU_TOPOLOGIES = [
  'sockets',
  'cores',
  'threads',
  'spread',
  'any',
  'preferSockets',
  'preferCores',
  'preferThreads',
  'preferSpread',
  'preferAny',
] as const;
export const SPREADS = ['SocketsCores', 'CoresThreads', 'SocketsCoresThreads'] as const;
export type Spread = (typeof SPREADS)[number];

const ratio = z.int().min(1).max(512);

const cpu = fields({
  preferredCPUTopology: z
    .enum(CPU_TOPOLOGIES)
    .meta({ description: "What an instancetype's vCPUs are; sockets unless given" })
    .optional(),
  spreadOptions: fields({
    across: z.enum(SPREADS).meta({ description: 'SocketsCores unless given' }).optional(),
    ratio: ratio
      .meta({ description: 'How many cores a socket, or threads a core, has; 2 unless given' })
      .optional(),
  })
    .meta({ description: 'How vCPUs are spread, where the topology is spread' })
    .optional(),
  preferredCPUFeatures: into(
    z.array(
      fields({
        name: z.string().meta({ description: "The feature's name" }),
        policy: z.string().meta({ description: 'Whether the guest is to have it' }).optional(),
      }),
    ),
    'domain.cpu.features',
  ),
});

const devices = 'domain.devices';
const flag = z.boolean();
const word = z.string();

const devicePreferences = fields({
  preferredAutoattachGraphicsDevice: into(flag, `${devices}.autoattachGraphicsDevice`),
  preferredAutoattachInputDevice: into(flag, `${devices}.autoattachInputDevice`),
  preferredAutoattachMemBalloon: into(flag, `${devices}.autoattachMemBalloon`),
  preferredAutoattachPodInterface: into(flag, `${devices}.autoattachPodInterface`),
  preferredAutoattachSerialConsole: into(flag, `${devices}.autoattachSerialConsole`),
  preferredBlockMultiQueue: into(flag, `${devices}.blockMultiQueue`),
  preferredCdromBus: into(word, `${devices}.disks[].cdrom.bus`),
  preferredDisableHotplug: into(flag, `${devices}.disableHotplug`),
  preferredDiskBlockSize: into(asInDomain, `${devices}.disks[].blockSize`),
  preferredDiskBus: into(word, `${devices}.disks[].disk.bus`),
  preferredDiskCache: into(word, `${devices}.disks[].cache`),
  preferredDiskDedicatedIoThread: into(flag, `${devices}.disks[].dedicatedIOThread (of virtio disks)`),
  preferredDiskIO: into(word, `${devices}.disks[].io`),
  preferredInputBus: into(word, `${devices}.inputs[].bus`),
  preferredInputType: into(word, `${devices}.inputs[].type`),
  preferredInterfaceMasquerade: into(asInDomain, `${devices}.interfaces[].masquerade (on the pod network)`),
  preferredInterfaceModel: into(word, `${devices}.interfaces[].model`),
  preferredLunBus: into(word, `${devices}.disks[].lun.bus`),
  preferredNetworkInterfaceMultiQueue: into(flag, `${devices}.networkInterfaceMultiqueue`),
  preferredPanicDeviceModel: into(word, `${devices}.panicDevices[].model`),
  preferredRng: into(asInDomain, `${devices}.rng`),
  preferredSoundModel: into(word, `${devices}.sound.model`),
  preferredTPM: into(asInDomain, `${devices}.tpm`),
  preferredUseVirtioTransitional: into(flag, `${devices}.useVirtioTransitional`),
  preferredVideoType: into(word, `${devices}.video.type`),
  preferredVirtualGPUOptions: into(asInDomain, `${devices}.gpus[].virtualGPUOptions`),
});

const features = fields({
  preferredAcpi: into(asInDomain, 'domain.features.acpi'),
  preferredApic: into(asInDomain, 'domain.features.apic'),
  preferredHyperv: into(asInDomain, 'domain.features.hyperv, each member of it'),
  preferredKvm: into(asInDomain, 'domain.features.kvm'),
  preferredPvspinlock: into(asInDomain, 'domain.features.pvspinlock'),
  preferredSmm: into(asInDomain, 'domain.features.smm'),
});

const bootloader = 'domain.firmware.bootloader';
const firmware = fields({
  preferredEfi: into(asInDomain, `${bootloader}.efi`),
  preferredUseBios: into(flag, `${bootloader}.bios`),
  preferredUseBiosSerial: into(flag, `${bootloader}.bios.useSerial`),
  preferredUseEfi: into(flag, `${bootloader}.efi`),
  preferredUseSecureBoot: into(flag, `${bootloader}.efi.secureBoot`),
});

const requirements = fields({
  architecture: word.meta({ description: 'The architecture that a machine must ask for' }).optional(),
  cpu: fields({ guest: z.int().min(1).meta({ description: 'The fewest vCPUs of a machine' }) })
    .meta({ description: 'What vCPUs a machine must have' })
    .optional(),
  memory: fields({
    guest: positiveQuantity.meta({ description: 'The least memory of a machine' }),
  })
    .meta({ description: 'What memory a machine must have' })
    .optional(),
});

export const preferenceSpec = fields({
  annotations: into(annotations, "instance's annotations"),
  clock: fields({
    preferredClockOffset: into(asInDomain, 'domain.clock'),
    preferredTimer: into(asInDomain, 'domain.clock.timer'),
  })
    .meta({ description: "The guest's clock" })
    .optional(),
  cpu: cpu.meta({ description: 'How the guest sees its vCPUs' }).optional(),
  devices: devicePreferences.meta({ description: 'Devices, and how they are attached' }).optional(),
  features: features.meta({ description: 'Features of the machine' }).optional(),
  firmware: firmware.meta({ description: 'What the guest is booted with' }).optional(),
  machine: fields({ preferredMachineType: into(word, 'domain.machine.type') })
    .meta({ description: 'The kind of machine that QEMU is' })
    .optional(),
  preferSpreadSocketToCoreRatio: ratio
    .meta({ description: 'The older place of cpu.spreadOptions.ratio' })
    .optional(),
  preferredArchitecture: into(word, 'architecture'),
  preferredLaunchSecurity: into(asInDomain, 'domain.launchSecurity'),
  preferredSubdomain: into(word, 'subdomain'),
  preferredTerminationGracePeriodSeconds: into(z.int().min(0).max(86_400), 'terminationGracePeriodSeconds'),
  requirements: requirements
    .meta({ description: 'What a machine must have at least; one that has less is refused' })
    .optional(),
  volumes: fields({
    preferredStorageClassName: meaningless(
      word.meta({ description: 'Which storage disks are on' }),
      'a device has one place for disks',
    ).optional(),
  })
    .meta({ description: "The machine's disks" })
    .optional(),
}).superRefine((spec, context) => {
  const { across, ratio: given } = spreadOf(spec);
  if (!isSpread(spec) || across !== 'CoresThreads' || given === 2) return;
  const path = ['cpu', 'spreadOptions', 'ratio'];
  context.addIssue({ code: 'custom', path, message: 'must be 2 where vCPUs are spread across CoresThreads' });
});
export type PreferenceSpec = z.infer<typeof preferenceSpec>;

export interface Preference extends ResourceObject {
  spec?: PreferenceSpec;
}

/** The topology in its newer word; what `any` leaves open is sockets for whoever needs one. */
export function topologyOf(
  spec: PreferenceSpec | undefined,
): 'sockets' | 'cores' | 'threads' | 'spread' | 'any' {
  switch (spec?.cpu?.preferredCPUTopology) {
    case 'cores':
    case 'preferCores':
      return 'cores';
    case 'threads':
    case 'preferThreads':
      return 'threads';
    case 'spread':
    case 'preferSpread':
      return 'spread';
    case 'any':
    case 'preferAny':
      return 'any';
    case 'sockets':
    case 'preferSockets':
    case undefined:
      return 'sockets';
  }
}

export function isSpread(spec: PreferenceSpec | undefined): boolean {
  return topologyOf(spec) === 'spread';
}

export function spreadOf(spec: PreferenceSpec | undefined): {
  readonly across: Spread;
  readonly ratio: number;
} {
  const { across = 'SocketsCores', ratio: given } = spec?.cpu?.spreadOptions ?? {};
  return { across, ratio: given ?? spec?.preferSpreadSocketToCoreRatio ?? 2 };
}

const common = {
  group: 'instancetype.kubevirt.io',
  versions: ['v1beta1'] as const,
  statusSubresource: false,
  columns: [ageColumn()] as const,
  shape: { spec: preferenceSpec.optional() },
};

export const preferenceKind: KindDefinition = defineKind({
  ...common,
  kind: 'VirtualMachinePreference',
  plural: 'virtualmachinepreferences',
  shortNames: ['vmpref', 'vmprefs', 'vmp', 'vmps'],
  categories: ['all', 'holdfast'],
  namespaced: true,
});

export const clusterPreferenceKind: KindDefinition = defineKind({
  ...common,
  kind: 'VirtualMachineClusterPreference',
  plural: 'virtualmachineclusterpreferences',
  shortNames: ['vmcp', 'vmcps'],
  // As in KubeVirt not in `all`, which is what a namespace holds.
  categories: ['holdfast'],
  namespaced: false,
});
