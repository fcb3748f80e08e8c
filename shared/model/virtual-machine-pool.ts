import { z } from 'zod';
import { defineKind } from './kind.ts';
import { labelSelector } from './label-selector.ts';
import type { MachineSetStatus } from './machine-set.ts';
import { MACHINE_SET, checkSelector, machineSetSelector, machineSetStatus, replicas } from './machine-set.ts';
import type { ObjectMeta } from './metadata.ts';
import { templateMeta } from './metadata.ts';
import { fields } from './schema.ts';
import { virtualMachineSpec } from './virtual-machine.ts';

/** KubeVirt's `VirtualMachinePool`: numbered VirtualMachines of one template, spread over the devices that it matches. */

export const SORT_POLICIES = ['AscendingOrder', 'DescendingOrder', 'Newest', 'Oldest', 'Random'] as const;
export type SortPolicy = (typeof SORT_POLICIES)[number];

const selectionPolicy = fields({
  sortPolicy: z.enum(SORT_POLICIES).optional().meta({
    description:
      'Which machines come first; those that are not ready, then the highest numbers, unless given',
  }),
  selectors: fields(
    { labelSelector: labelSelector.optional().meta({ description: 'Only machines with these labels' }) },
    {
      nodeSelectorRequirementMatcher:
        'a pool has one nodeSelector for all its machines; choose by labels of the machines instead (labelSelector)',
    },
  )
    .meta({ description: 'Which machines are chosen from' })
    .optional(),
});
export type SelectionPolicy = z.infer<typeof selectionPolicy>;

const KEPT_STATE =
  "the disks of a machine that is removed are kept in its device's trash for a set time, and not used again by the pool";

const statePreservation = z
  .literal('Disabled', `Offline and Online are not supported: ${KEPT_STATE}`)
  .optional()
  .meta({ description: 'Disabled: what is scaled in is removed with its disks, which go to the trash' });

const scaleInStrategy = oneOf(
  fields({
    proactive: fields({
      selectionPolicy: selectionPolicy.meta({ description: 'Which machines come first' }).optional(),
      statePreservation,
    })
      .optional()
      .meta({ description: 'Machines over the number are shut down and removed (the default)' }),
    opportunistic: fields({ statePreservation }).optional().meta({
      description:
        'Nothing is removed; machines that someone deletes are not replaced while there are enough',
    }),
    unmanaged: fields({}).optional().meta({ description: 'Nothing is ever removed' }),
  }),
);

const updateStrategy = oneOf(
  fields({
    proactive: fields({
      selectionPolicy: selectionPolicy.meta({ description: 'Which machines come first' }).optional(),
    })
      .optional()
      .meta({
        description:
          'A changed template reaches the machines, which are restarted where they need it (the default)',
      }),
    opportunistic: fields({})
      .optional()
      .meta({ description: 'A changed template reaches the machines; what needs a restart waits for one' }),
    unmanaged: fields({}).optional().meta({ description: 'A changed template reaches new machines only' }),
  }),
);

/** A Go duration such as `5m` or `1h30m`. */
const duration = z.string().regex(/^(\d+(\.\d+)?(h|m|s|ms))+$/, 'must be a duration such as 5m or 1h30m');

const autohealing = fields(
  {
    minFailingToStartDuration: duration
      .optional()
      .meta({ description: 'How long a machine may fail to run before it is replaced; 5m unless given' }),
  },
  {
    startUpFailureThreshold:
      'a machine that fails to start is counted by time here: use minFailingToStartDuration',
  },
);

/** A number of machines, or a share of them. */
const maxUnavailable = z
  .union([
    z.int().min(1),
    z.string().regex(/^(100|[1-9]\d?)%$/, 'must be a number from 1, or a percentage from 1% to 100%'),
  ])
  .meta({
    description:
      'How many machines, or which share, a changed template may make unavailable at a time; 100% unless given',
    'x-kubernetes-int-or-string': true,
  });

const spec = fields({
  replicas: replicas.optional(),
  selector: machineSetSelector,
  virtualMachineTemplate: fields({
    metadata: templateMeta.meta({ description: 'Labels and annotations of each machine' }).nullish(),
    spec: virtualMachineSpec.meta({ description: 'What each machine is, and when it runs' }),
  }).meta({
    description: 'The VirtualMachine that is made, as often as asked for',
  }),
  paused: z
    .boolean()
    .optional()
    .meta({ description: 'While true, the pool makes, changes and removes nothing' }),
  nameGeneration: fields({
    appendIndexToConfigMapRefs: z.boolean().optional().meta({
      description: "Whether a machine's number is appended to the names of config maps that it uses",
    }),
    appendIndexToSecretRefs: z
      .boolean()
      .optional()
      .meta({ description: "Whether a machine's number is appended to the names of secrets that it uses" }),
  })
    .meta({ description: "How a machine's number gets into names" })
    .optional(),
  maxUnavailable: maxUnavailable.optional(),
  scaleInStrategy: scaleInStrategy.meta({ description: 'What happens where there are too many' }).optional(),
  updateStrategy: updateStrategy
    .meta({ description: 'How a changed template reaches the machines' })
    .optional(),
  autohealing: autohealing.optional().meta({
    description: 'Replaces machines that fail to run, disks and all; they are left alone unless given',
  }),
}).superRefine(({ selector, virtualMachineTemplate }, context) => {
  checkSelector(selector, virtualMachineTemplate.metadata?.labels, context);
});
export type VirtualMachinePoolSpec = z.infer<typeof spec>;

export interface VirtualMachinePool {
  apiVersion: string;
  kind: 'VirtualMachinePool';
  metadata: ObjectMeta;
  spec: VirtualMachinePoolSpec;
  status?: MachineSetStatus;
}

export const virtualMachinePoolKind = defineKind({
  ...MACHINE_SET,
  group: 'pool.kubevirt.io',
  versions: ['v1beta1', 'v1alpha1'],
  kind: 'VirtualMachinePool',
  plural: 'virtualmachinepools',
  shortNames: ['vmpool', 'vmpools'],
  shape: { spec, status: machineSetStatus.optional() },
});

/** Refuses more than one of a choice of strategies. */
function oneOf<Strategies extends z.ZodType<object>>(strategies: Strategies) {
  return strategies.superRefine((value, context) => {
    const given = Object.keys(value);
    if (given.length <= 1) return;
    context.addIssue({ code: 'custom', message: `must be one strategy, and has ${given.join(' and ')}` });
  });
}
