import { z } from 'zod';
import { runnableSpec } from './instance-spec.ts';
import { defineKind } from './kind.ts';
import type { MachineSetStatus } from './machine-set.ts';
import { MACHINE_SET, checkSelector, machineSetSelector, machineSetStatus, replicas } from './machine-set.ts';
import type { ObjectMeta } from './metadata.ts';
import { templateMeta } from './metadata.ts';
import { fields } from './schema.ts';

/**
 * KubeVirt's `VirtualMachineInstanceReplicaSet`: runs of one template that nothing starts again, each replaced by a
 * new one when it has ended.
 */

const spec = fields({
  replicas: replicas.optional(),
  selector: machineSetSelector,
  template: fields({
    metadata: templateMeta.meta({ description: 'Labels and annotations of each run' }).nullish(),
    spec: runnableSpec.meta({ description: 'What each run is made with' }),
  }).meta({
    description:
      'The VirtualMachineInstance that is made, as often as asked for; a change reaches new ones only',
  }),
  paused: z.boolean().optional().meta({ description: 'While true, the set makes and removes nothing' }),
}).superRefine(({ selector, template }, context) => {
  checkSelector(selector, template.metadata?.labels, context);
});
export type ReplicaSetSpec = z.infer<typeof spec>;

export interface VirtualMachineInstanceReplicaSet {
  apiVersion: string;
  kind: 'VirtualMachineInstanceReplicaSet';
  metadata: ObjectMeta;
  spec: ReplicaSetSpec;
  status?: MachineSetStatus;
}

export const virtualMachineInstanceReplicaSetKind = defineKind({
  ...MACHINE_SET,
  group: 'kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: 'VirtualMachineInstanceReplicaSet',
  plural: 'virtualmachineinstancereplicasets',
  shortNames: ['vmirs', 'vmirss'],
  shape: { spec, status: machineSetStatus.optional() },
});
