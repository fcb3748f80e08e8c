import { z } from 'zod';
import { ageColumn, defineKind } from './kind.ts';
import type { ObjectMeta } from './metadata.ts';
import { condition } from './metadata.ts';
import { fields, keyedBy, timestamp } from './schema.ts';

/** A box with an agent. It appears when its agent first connects; its status says what it is and how it is. */

/** What a box says of itself; sizes in bytes. */
export const deviceFacts = fields({
  agentVersion: z.string(),
  nodeVersion: z.string(),
  qemuVersion: z.string().optional(),
  operatingSystem: z.string(),
  kernel: z.string(),
  bootId: z.string(),
  cpuModel: z.string(),
  cpuCores: z.int(),
  memoryBytes: z.number(),
  diskBytes: z.number(),
  /** What machines are run with, and how the agent came to that. */
  accelerator: z.enum(['kvm', 'tcg']).optional(),
  acceleratorReason: z.string(),
});
export type DeviceFacts = z.infer<typeof deviceFacts>;

/** What changes from hour to hour on a box; sizes in bytes. */
export const deviceMetrics = fields({
  memoryAvailableBytes: z.number(),
  diskAvailableBytes: z.number(),
  /** Processes that ran or waited to, as a mean over 15 minutes. */
  loadAverage: z.number(),
});
export type DeviceMetrics = z.infer<typeof deviceMetrics>;

/** Whether an order given on the box holds until it is taken back, or the hub releases each that it learns of. */
export const LOCAL_OVERRIDES = ['Keep', 'Release'] as const;

const spec = fields({
  /** Keep unless given. */
  localOverrides: z.enum(LOCAL_OVERRIDES).optional(),
});
export type DeviceSpec = z.infer<typeof spec>;

const status = fields({
  conditions: keyedBy(['type'], z.array(condition)).optional(),
  facts: deviceFacts.optional(),
  /** As of this object's newest change; its NodeMetrics have the newest. */
  metrics: deviceMetrics.optional(),
  /** How far the device's clock is ahead of the hub's, in milliseconds; given where it is more than a little. */
  clockAheadMilliseconds: z.int().optional(),
  /** The desired document that the hub has for the device, and the one that the device last said it holds. */
  desiredGeneration: z.int().optional(),
  observedGeneration: z.int().optional(),
  machines: z.int().optional(),
  /** How many of them are held by orders given on the box. */
  overriddenMachines: z.int().optional(),
  /** When the device was last heard, as of this object's newest change; its Lease has the newest. */
  lastReceivedTime: timestamp.optional(),
});
export type DeviceStatus = z.infer<typeof status>;

export interface Device {
  apiVersion: string;
  kind: 'Device';
  metadata: ObjectMeta;
  spec?: DeviceSpec;
  status?: DeviceStatus;
}

export const deviceKind = defineKind({
  group: 'holdfast.dev',
  versions: ['v1alpha1'],
  kind: 'Device',
  plural: 'devices',
  shortNames: ['dev'],
  categories: ['all', 'holdfast'],
  namespaced: false,
  statusSubresource: true,
  columns: [
    {
      name: 'Connected',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Connected")].status',
      description: 'Whether the link to the device is up',
    },
    { name: 'Machines', type: 'integer', jsonPath: '.status.machines', description: 'Machines placed on it' },
    {
      name: 'Overrides',
      type: 'integer',
      jsonPath: '.status.overriddenMachines',
      description: 'Machines held by orders given on the box',
    },
    { name: 'Accelerator', type: 'string', jsonPath: '.status.facts.accelerator', description: 'kvm or tcg' },
    {
      name: 'Last Report',
      type: 'date',
      jsonPath: '.status.lastReceivedTime',
      description: 'Time since it was heard',
    },
    ageColumn('Time since it first connected'),
    {
      name: 'Version',
      type: 'string',
      jsonPath: '.status.facts.agentVersion',
      description: "Agent's version",
      priority: 1,
    },
    {
      name: 'Why',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Connected")].message',
      description: 'Since when the link is up or down',
      priority: 1,
    },
  ],
  shape: { spec: spec.optional(), status: status.optional() },
});

/** The label by which a machine's `nodeSelector` names one device, as on a Kubernetes node. */
export const HOSTNAME_LABEL = 'kubernetes.io/hostname';
/** The label that a placed machine carries: its device's name. */
export const DEVICE_LABEL = 'holdfast.dev/device';
