import { z } from 'zod';
import { dataVolumeTemplate } from './data-volume.ts';
import { VOLUME_PHASES } from './data-volume-object.ts';
import { runnableSpec } from './instance-spec.ts';
import { annotations, labels } from './metadata.ts';
import { base64, dnsLabel, dnsSubdomain, fields, interfaceName, timestamp } from './schema.ts';
import { guestOs, interfaceStatus } from './virtual-machine-instance.ts';
import { RUN_STRATEGIES } from './virtual-machine.ts';

/** A machine as hub and device speak of it: what is desired of it, and what the device says it is. */

/** The uid becomes a folder's name on the box, so it is nothing but a UUID. */
export const machineUid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a UUID');

const identity = {
  uid: machineUid,
  namespace: dnsLabel,
  name: dnsSubdomain,
  kind: z.enum(['VirtualMachine', 'VirtualMachineInstance', 'DataVolume']),
};

/** Which machine, or which data volume of its own, an entry is about, whatever else it says. */
export const machineIdentity = z.object(identity);
export type MachineIdentity = z.infer<typeof machineIdentity>;

/** A bridge on the box, and the VLAN on it, from a `NetworkAttachmentDefinition` of type bridge. */
export const bridgeNetwork = fields({
  bridge: interfaceName,
  vlan: z.int().min(1).max(4094).optional(),
  mtu: z.int().min(68).max(65_521).optional(),
});
export type BridgeNetwork = z.infer<typeof bridgeNetwork>;

/** What a machine's spec refers to by name, with its content: a box asks nobody for it. */
export const references = fields({
  /** By name, all of the machine's namespace. */
  configMaps: z
    .record(
      z.string(),
      fields({
        data: z.record(z.string(), z.string()).optional(),
        binaryData: z.record(z.string(), base64).optional(),
      }),
    )
    .optional(),
  secrets: z.record(z.string(), fields({ data: z.record(z.string(), base64) })).optional(),
  /** By `multus.networkName`, as the spec has it. */
  networks: z.record(z.string(), bridgeNetwork).optional(),
  /**
   * Data volumes that are not of the machine's own templates, by name: the entry (its uid) in whose folder the disk
   * is, and the name that it has there. For volumes that use them, and for templates that clone them.
   */
  dataVolumes: z.record(z.string(), fields({ uid: machineUid, dataVolume: dnsSubdomain })).optional(),
});
export type References = z.infer<typeof references>;

/** What one machine should be. `generation` is that of its object in the API. */
export const desiredMachine = fields({
  ...identity,
  kind: z.enum(['VirtualMachine', 'VirtualMachineInstance']),
  generation: z.int(),
  runStrategy: z.enum(RUN_STRATEGIES),
  /** The order given on the box that is to hold no more: its `at`, as the device reported it. */
  releasedOverride: timestamp.optional(),
  dataVolumes: z.array(dataVolumeTemplate),
  /** The instance's, for volumes that show them to the guest. */
  labels: labels.optional(),
  annotations: annotations.optional(),
  references: references.optional(),
  /** Restart the machine as soon as a change of its description needs that, rather than wait for someone to. */
  restartWhenRequired: z.boolean().optional(),
  spec: runnableSpec,
});
export type DesiredMachine = z.infer<typeof desiredMachine>;

/** A data volume of its own: it is filled when its entry comes, and outlives the machines that use it. */
export const desiredVolume = fields({
  ...identity,
  kind: z.literal('DataVolume'),
  generation: z.int(),
  dataVolume: dataVolumeTemplate,
  references: references.optional(),
});
export type DesiredVolume = z.infer<typeof desiredVolume>;

/** A machine that was deleted: to be shut down, and its disks removed. Absence alone removes nothing. */
export const removedMachine = fields({
  ...identity,
  removed: z.literal(true),
  /** The guest's, where its description is still known. */
  terminationGracePeriodSeconds: z.int().min(0).optional(),
});
export type RemovedMachine = z.infer<typeof removedMachine>;

/** A machine of which its device knows no more than that it is there. */
export const foundMachine = fields({ ...identity, found: z.literal(true) });
export type FoundMachine = z.infer<typeof foundMachine>;

/** What a machine can be told to do, on its box or at the hub. */
export const ORDERS = ['start', 'stop', 'restart', 'pause', 'unpause', 'softreboot', 'reset'] as const;

/** What a machine is doing, as its device sees it. */
export const MACHINE_STATES = [
  /** Not meant to run, and not running. */
  'Stopped',
  /** Waits for an image. */
  'Provisioning',
  'Starting',
  'Running',
  /** Its guest is held: by an I/O error, or by someone at its monitor. */
  'Paused',
  'Stopping',
  /** Its guest shut itself down, or failed, and it is not to be run again. */
  'Succeeded',
  'Failed',
  /** Failed, and will be tried again. */
  'BackOff',
  /** Can't be run as it is described; the message says why. */
  'Refused',
  /** Its process lives and does not answer. */
  'Unknown',
  'Removing',
  'Removed',
] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

/** Steps to a field of a machine's spec: members by name, entries of lists as `[NAME]`. */
const fieldPath = z.array(z.string());

const unmadeChanges = fields({
  /** What is being changed while it runs, or is tried again. */
  live: z.array(fieldPath),
  /** What waits for the next start. */
  atRestart: z.array(fieldPath),
});
export type UnmadeChanges = z.infer<typeof unmadeChanges>;

export const machineStatus = fields({
  ...identity,
  /** Of the desired machine that this status is about. */
  generation: z.int(),
  state: z.enum(MACHINE_STATES),
  /** A CamelCase word and a sentence: why it is so, or what it waits for. */
  reason: z.string(),
  message: z.string(),
  /** Since when the machine is in this state, by the device's clock. */
  since: timestamp,
  process: fields({
    pid: z.int(),
    startedAt: timestamp,
    accelerator: z.enum(['kvm', 'tcg']),
    guestAgent: z.boolean(),
    /** What the guest runs with now, which may have changed since its start. */
    cpu: fields({ sockets: z.int(), cores: z.int(), threads: z.int() }).optional(),
    memory: fields({ bootBytes: z.int(), currentBytes: z.int(), requestedBytes: z.int() }).optional(),
  }).optional(),
  interfaces: z.array(interfaceStatus),
  volumes: z
    .array(
      fields({
        name: z.string(),
        /** What Linux would call the disk, e.g. `vda`. */
        target: z.string(),
        dataVolume: z.string().optional(),
        /** How large the guest finds it. */
        bytes: z.int().optional(),
        /** How large it is to be at least. */
        wantedBytes: z.int().optional(),
        message: z.string().optional(),
      }),
    )
    .optional(),
  /** Data volumes whose disks are kept though no volume shows them any more. */
  unusedDisks: z.array(z.string()).optional(),
  /** Whether the guest has the keys and passwords that it is to get through its agent. */
  credentials: fields({ synchronized: z.boolean(), message: z.string().optional() }).optional(),
  /** What its readiness probe has found, where it has one. */
  ready: z.boolean().optional(),
  /** What the guest says of itself, of what changes rarely. */
  guest: fields({
    agentVersion: z.string(),
    /** How many commands its agent knows and runs. */
    commands: z.int(),
    os: guestOs,
    hostname: z.string().optional(),
    timezone: z.string().optional(),
  }).optional(),
  /** What differs between the running machine and its description, where it needs a restart. */
  restartRequired: z.string().optional(),
  /** Where what runs is not yet as its description says. */
  unmade: unmadeChanges.optional(),
  /** Where runs end too soon: how many in a row, and when the next is tried. */
  backOff: fields({ failures: z.int(), retryAt: timestamp }).optional(),
  /** How far its data volumes have been filled, by their names; or the one that the status is of. */
  dataVolumes: z
    .array(fields({ name: z.string(), phase: z.enum(VOLUME_PHASES), progress: z.string().optional() }))
    .optional(),
  /** An order given on the box that holds against the run strategy. */
  override: fields({
    verb: z.enum(['start', 'stop']),
    /** When, by the device's clock; the hub names the order by it. */
    at: timestamp,
    reason: z.string(),
    /** The user of the box who gave it. */
    by: z.string().optional(),
  }).optional(),
});
export type MachineStatus = z.infer<typeof machineStatus>;
