import { z } from 'zod';
import type { KindDefinition, ResourceObject } from './kind.ts';
import { ageColumn, defineKind } from './kind.ts';
import { annotations, labels } from './metadata.ts';
import { fields, meaningless, positiveQuantity } from './schema.ts';

/**
 * KubeVirt's `VirtualMachineInstancetype` and its cluster-wide form (instancetype.kubevirt.io/v1beta1): the sizes of a
 * machine. What stands in a machine's place under the same name is checked there, where a machine uses it, so that the
 * usual collections of instancetypes can be applied as a whole.
 */

/** A struct of the domain, as the domain has it. */
const asInDomain = z.record(z.string(), z.unknown());
const count = z.int().min(1).max(512);

const cpu = fields({
  guest: count.meta({ description: 'How many vCPUs; in what topology is for a preference to say' }),
  model: z.string().meta({ description: "Put into the machine's domain.cpu.model" }).optional(),
  dedicatedCPUPlacement: z
    .boolean()
    .meta({ description: "Put into the machine's domain.cpu.dedicatedCpuPlacement" })
    .optional(),
  isolateEmulatorThread: z
    .boolean()
    .meta({ description: "Put into the machine's domain.cpu.isolateEmulatorThread" })
    .optional(),
  maxSockets: count.meta({ description: "Put into the machine's domain.cpu.maxSockets" }).optional(),
  numa: asInDomain.meta({ description: "Put into the machine's domain.cpu.numa" }).optional(),
  realtime: asInDomain.meta({ description: "Put into the machine's domain.cpu.realtime" }).optional(),
});

const memory = fields({
  guest: positiveQuantity.meta({ description: 'How much memory the guest has' }),
  hugepages: asInDomain.meta({ description: "Put into the machine's domain.memory.hugepages" }).optional(),
  maxGuest: positiveQuantity
    .meta({ description: "Put into the machine's domain.memory.maxGuest" })
    .optional(),
  overcommitPercent: z
    .int()
    .min(0)
    .max(100)
    .meta({ description: 'How much less than that is requested of the box, in percent' })
    .optional(),
}).superRefine((value, context) => {
  if ((value.overcommitPercent ?? 0) === 0 || value.hugepages === undefined) return;
  const message = 'must not be given together with hugepages';
  context.addIssue({ code: 'custom', path: ['overcommitPercent'], message });
});

const devices = z.array(fields({ name: z.string().meta({ description: 'Its name' }) }).loose());

export const instancetypeSpec = fields({
  cpu: cpu.meta({ description: 'vCPUs of the machine' }),
  memory: memory.meta({ description: 'Memory of the machine' }),
  annotations: annotations.meta({ description: "Put into the instance's annotations" }).optional(),
  gpus: devices.meta({ description: "Put into the machine's domain.devices.gpus" }).optional(),
  hostDevices: devices.meta({ description: "Put into the machine's domain.devices.hostDevices" }).optional(),
  ioThreads: asInDomain.meta({ description: "Put into the machine's domain.ioThreads" }).optional(),
  ioThreadsPolicy: z
    .string()
    .meta({ description: "Put into the machine's domain.ioThreadsPolicy" })
    .optional(),
  launchSecurity: asInDomain.meta({ description: "Put into the machine's domain.launchSecurity" }).optional(),
  nodeSelector: labels
    .meta({ description: "Put into the machine's nodeSelector, by which it is placed" })
    .optional(),
  schedulerName: meaningless(
    z.string().meta({ description: 'Which scheduler places the machine' }),
    'the hub places every machine, by its nodeSelector',
  ).optional(),
});
export type InstancetypeSpec = z.infer<typeof instancetypeSpec>;

export interface Instancetype extends ResourceObject {
  spec: InstancetypeSpec;
}

const common = {
  group: 'instancetype.kubevirt.io',
  versions: ['v1beta1'] as const,
  statusSubresource: false,
  columns: [
    { name: 'CPU', type: 'integer', jsonPath: '.spec.cpu.guest', description: 'vCPUs' },
    { name: 'Memory', type: 'string', jsonPath: '.spec.memory.guest', description: 'Memory of the guest' },
    ageColumn(),
  ] as const,
  shape: { spec: instancetypeSpec },
};

export const instancetypeKind: KindDefinition = defineKind({
  ...common,
  kind: 'VirtualMachineInstancetype',
  plural: 'virtualmachineinstancetypes',
  shortNames: ['vminstancetype', 'vminstancetypes', 'vmf', 'vmfs'],
  categories: ['all', 'holdfast'],
  namespaced: true,
});

export const clusterInstancetypeKind: KindDefinition = defineKind({
  ...common,
  kind: 'VirtualMachineClusterInstancetype',
  plural: 'virtualmachineclusterinstancetypes',
  shortNames: ['vmclusterinstancetype', 'vmclusterinstancetypes', 'vmcf', 'vmcfs'],
  // As in KubeVirt not in `all`, which is what a namespace holds.
  categories: ['holdfast'],
  namespaced: false,
});
