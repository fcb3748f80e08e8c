import { z } from 'zod';
import { labelSelector } from './label-selector.ts';
import { fields, meaningless } from './schema.ts';

/**
 * Where a Kubernetes scheduler may put a machine. Here `nodeSelector` names the device, and nothing chooses another:
 * what is only preferred loses nothing when it is left aside, and is taken; what must hold is refused, since a
 * machine would otherwise run where its author forbade it.
 */

const PREFERRED = 'nodeSelector alone says where a machine runs, and leaves nothing to prefer';
const NAME_IT = 'nodeSelector alone says where a machine runs: name the device, or labels of devices, there';
const APART = 'where machines run is said by nodeSelector: name a device for each';

const selectorRequirement = fields({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
  values: z.array(z.string()).optional(),
});

const nodeSelectorTerm = fields({
  matchExpressions: z.array(selectorRequirement).optional(),
  matchFields: z.array(selectorRequirement).optional(),
});

const podAffinityTerm = fields({
  topologyKey: z.string(),
  labelSelector: labelSelector.optional(),
  namespaceSelector: labelSelector.optional(),
  namespaces: z.array(z.string()).optional(),
  matchLabelKeys: z.array(z.string()).optional(),
  mismatchLabelKeys: z.array(z.string()).optional(),
});

const weight = z.int().min(1).max(100);
const preferredNodes = z.array(fields({ weight, preference: nodeSelectorTerm }));
const preferredPods = z.array(fields({ weight, podAffinityTerm }));

/** Kubernetes' `Affinity` (core/v1). */
export const affinity = fields({
  nodeAffinity: fields(
    {
      preferredDuringSchedulingIgnoredDuringExecution: meaningless(
        preferredNodes.meta({ description: 'Devices that would be better than others' }),
        PREFERRED,
      ).optional(),
    },
    { requiredDuringSchedulingIgnoredDuringExecution: NAME_IT },
  )
    .meta({ description: 'Labels of the devices that it may run on' })
    .optional(),
  podAffinity: fields(
    {
      preferredDuringSchedulingIgnoredDuringExecution: meaningless(
        preferredPods.meta({ description: 'What it would better be near to' }),
        PREFERRED,
      ).optional(),
    },
    { requiredDuringSchedulingIgnoredDuringExecution: APART },
  )
    .meta({ description: 'What it is to be near to' })
    .optional(),
  podAntiAffinity: fields(
    {
      preferredDuringSchedulingIgnoredDuringExecution: meaningless(
        preferredPods.meta({ description: 'What it would better be apart from' }),
        PREFERRED,
      ).optional(),
    },
    { requiredDuringSchedulingIgnoredDuringExecution: APART },
  )
    .meta({ description: 'What it is to be apart from' })
    .optional(),
});

/** Kubernetes' `Toleration` (core/v1). */
export const toleration = fields({
  key: z.string().optional(),
  operator: z.enum(['Exists', 'Equal', 'Lt', 'Gt']).optional(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute', '']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** Kubernetes' `TopologySpreadConstraint` (core/v1). */
export const topologySpreadConstraint = fields({
  maxSkew: z.int().min(1),
  topologyKey: z.string().min(1),
  whenUnsatisfiable: z.literal('ScheduleAnyway', {
    error: ({ input }) =>
      input === 'DoNotSchedule' ? `DoNotSchedule is not supported: ${APART}` : 'must be ScheduleAnyway',
  }),
  labelSelector: labelSelector.optional(),
  matchLabelKeys: z.array(z.string()).optional(),
  minDomains: z.int().min(1).optional(),
  nodeAffinityPolicy: z.enum(['Honor', 'Ignore']).optional(),
  nodeTaintsPolicy: z.enum(['Honor', 'Ignore']).optional(),
});
