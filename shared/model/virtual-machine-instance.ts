import { z } from 'zod';
import { refuseAnnotations } from './annotations.ts';
import { runnableSpec } from './instance-spec.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ObjectMeta } from './metadata.ts';
import { annotations, condition, objectMeta } from './metadata.ts';
import { findIdlePreference } from './scheduling.ts';
import { fields, timestamp, quantity } from './schema.ts';

/** KubeVirt's phases of a run; `Unknown` where the device can't be heard. */
export const INSTANCE_PHASES = [
  'Pending',
  'Scheduling',
  'Scheduled',
  'Running',
  'Succeeded',
  'Failed',
  'Unknown',
] as const;
export type InstancePhase = (typeof INSTANCE_PHASES)[number];

/** What is refused of a status is never shown; these are why. */
const NO_POD = 'there is no pod around a machine';
const NOT_MIGRATED = 'machines are not migrated';
const ONE_PLACE = 'a disk is on one device, and used there';

/** A guest's port as the box forwards it: `hostPort` of `hostAddress` leads to `port` in the guest. */
export const forwardedPort = fields({
  name: z.string().optional(),
  port: z.int(),
  protocol: z.enum(['TCP', 'UDP']),
  hostPort: z.int(),
  hostAddress: z.string(),
});
export type ForwardedPort = z.infer<typeof forwardedPort>;

export const interfaceStatus = fields(
  {
    name: z.string(),
    mac: z.string().optional(),
    interfaceName: z.string().optional(),
    ipAddress: z.string().optional(),
    ipAddresses: z.array(z.string()).optional(),
    infoSource: z.string().optional(),
    queueCount: z.int().optional(),
    linkState: z.string().optional(),
    /** Ours: KubeVirt gives a machine an address of its own instead. */
    ports: z.array(forwardedPort).optional(),
  },
  {
    podInterfaceName: NO_POD,
  },
);
export type InterfaceStatus = z.infer<typeof interfaceStatus>;

/** The guest's system as its agent tells it, in KubeVirt's names. */
export const guestOs = fields({
  name: z.string().optional(),
  kernelRelease: z.string().optional(),
  version: z.string().optional(),
  prettyName: z.string().optional(),
  versionId: z.string().optional(),
  kernelVersion: z.string().optional(),
  machine: z.string().optional(),
  id: z.string().optional(),
});
export type GuestOs = z.infer<typeof guestOs>;

/** KubeVirt's `VolumeStatus`, as far as there is something to say. */
export const volumeStatus = fields(
  {
    name: z.string(),
    /** What Linux would call the disk, e.g. `vda`. */
    target: z.string(),
    /** How large the guest finds it, in bytes. */
    size: z.int().optional(),
    message: z.string().optional(),
    persistentVolumeClaimInfo: fields(
      {
        claimName: z.string().optional(),
        capacity: z.record(z.string(), z.string()).optional(),
        requests: z.record(z.string(), z.string()).optional(),
      },
      {
        accessModes: ONE_PLACE,
        filesystemOverhead: 'the guest has all the room that was asked for',
        preallocated: 'disks take up room as they are written to',
        volumeMode: ONE_PLACE,
      },
    ).optional(),
  },
  {
    containerDiskVolume: 'an image is known by its digest: a checksum of it is not made',
    hotplugVolume: NO_POD,
    memoryDumpVolume: 'memory is not dumped to a volume',
    phase: 'its DataVolume has a phase',
    reason: 'its DataVolume has a condition that says why',
  },
);
export type VolumeStatus = z.infer<typeof volumeStatus>;

const status = fields(
  {
    phase: z.enum(INSTANCE_PHASES).optional(),
    reason: z.string().optional(),
    nodeName: z.string().optional(),
    conditions: z.array(condition).optional(),
    interfaces: z.array(interfaceStatus).optional(),
    guestOSInfo: guestOs.optional(),
    currentCPUTopology: fields({
      sockets: z.int().optional(),
      cores: z.int().optional(),
      threads: z.int().optional(),
    }).optional(),
    memory: fields(
      {
        guestAtBoot: quantity.optional(),
        guestCurrent: quantity.optional(),
        guestRequested: quantity.optional(),
      },
      { memoryOverhead: 'what QEMU takes beside it is counted by the device alone' },
    ).optional(),
    volumeStatus: z.array(volumeStatus).optional(),
    phaseTransitionTimestamps: z
      .array(fields({ phase: z.enum(INSTANCE_PHASES), phaseTransitionTimestamp: timestamp }))
      .optional(),
  },
  {
    VSOCKCID: 'machines have no VSOCK',
    activePods: NO_POD,
    changedBlockTracking: 'disks are not backed up by what has changed of them',
    evacuationNodeName: 'devices are not drained',
    fsFreezeStatus: 'the subresource guestosinfo asks the guest for it',
    kernelBootStatus: 'an image is known by its digest: a checksum of it is not made',
    launcherContainerImageVersion: NO_POD,
    machine: 'what QEMU makes of the machine type in the spec is known to the device alone',
    migratedVolumes: NOT_MIGRATED,
    migrationMethod: NOT_MIGRATED,
    migrationState: NOT_MIGRATED,
    migrationTransport: NOT_MIGRATED,
    qosClass: NO_POD,
    runtimeUser: NO_POD,
    selinuxContext: NO_POD,
    topologyHints: NOT_MIGRATED,
    virtualMachineRevisionName: "the condition RestartRequired says what a run has not of its machine's spec",
  },
);
export type InstanceStatus = z.infer<typeof status>;

export interface VirtualMachineInstance {
  apiVersion: string;
  kind: 'VirtualMachineInstance';
  metadata: ObjectMeta;
  spec: z.infer<typeof runnableSpec>;
  status?: InstanceStatus;
}

export const virtualMachineInstanceKind = defineKind({
  group: 'kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: 'VirtualMachineInstance',
  plural: 'virtualmachineinstances',
  shortNames: ['vmi', 'vmis'],
  categories: ['all', 'holdfast'],
  namespaced: true,
  statusSubresource: true,
  findWarnings: ({ spec }) => findIdlePreference(spec as VirtualMachineInstance['spec'], 'spec'),
  columns: [
    ageColumn('Time since the run was asked for'),
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Phase of the run' },
    {
      name: 'IP',
      type: 'string',
      jsonPath: '.status.interfaces[0].ipAddress',
      description: 'Address of the guest',
    },
    { name: 'NodeName', type: 'string', jsonPath: '.status.nodeName', description: 'Device that runs it' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether the guest runs',
    },
    {
      name: 'Ports',
      type: 'string',
      jsonPath: '.status.interfaces[0].ports[*].hostPort',
      description: "The box's ports that lead to the guest's",
      priority: 1,
    },
    {
      name: 'Paused',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Paused")].status',
      description: 'Whether the guest is paused',
      priority: 1,
    },
  ],
  metadata: objectMeta.extend({ annotations: annotations.superRefine(refuseAnnotations).nullish() }),
  shape: { spec: runnableSpec.meta({ description: 'What the run is made with' }), status: status.optional() },
});
