import { z } from 'zod';
import { labelSelector } from './label-selector.ts';
import { fields, meaningless } from './schema.ts';
import type { FieldWarning } from './warnings.ts';

/**
 * Where a Kubernetes scheduler may put a machine. Here `nodeSelector` and `nodeAffinity` name its device, or those that
 * the machines of a set are spread over. What relates machines to each other is taken where it is only preferred, and
 * refused where it must hold: a machine would otherwise run where its author forbade it.
 */

const PREFERRED =
  'nodeSelector and nodeAffinity say where a machine runs, and those of a set are spread anyway';
const APART =
  'the machines of a set are spread over the devices that match, always to one that has the fewest: leave it out, or only prefer it; of machines of their own, name a device for each in nodeSelector';
const NEAR = 'name the device in nodeSelector or nodeAffinity';

/** In words of Kubernetes' own validation. */
const nodeSelectorRequirement = fields({
  key: z.string().min(1).meta({ description: 'The label that this is about' }),
  operator: z
    .enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'])
    .meta({ description: "How the label's value relates to the values" }),
  values: z
    .array(z.string())
    .meta({ description: 'For In and NotIn: the values; for Gt and Lt: one whole number' })
    .optional(),
}).superRefine(({ operator, values = [] }, context) => {
  const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['values'], message });
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    refuse("must be specified when `operator` is 'In' or 'NotIn'");
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
    refuse("may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  if (operator !== 'Gt' && operator !== 'Lt') return;
  if (values.length !== 1) refuse("must be specified single value when `operator` is 'Lt' or 'Gt'");
  else if (!/^-?\d{1,19}$/.test(values[0] ?? '')) refuse('must be a whole number');
});
export type NodeSelectorRequirement = z.infer<typeof nodeSelectorRequirement>;

const fieldRequirement = fields({
  key: z.literal('metadata.name').meta({ description: "metadata.name: the device's name" }),
  operator: z.enum(['In', 'NotIn']).meta({ description: 'In: it is that one; NotIn: it is not' }),
  values: z.array(z.string()).length(1).meta({ description: 'One name of a device' }),
});

const nodeSelectorTerm = fields({
  matchExpressions: z
    .array(nodeSelectorRequirement)
    .meta({ description: 'Requirements of labels, all of which must be met' })
    .optional(),
  matchFields: z
    .array(fieldRequirement)
    .meta({ description: "Requirements of the device's name, all of which must be met" })
    .optional(),
});
export type NodeSelectorTerm = z.infer<typeof nodeSelectorTerm>;

const podAffinityTerm = fields({
  topologyKey: z.string(),
  labelSelector: labelSelector.optional(),
  namespaceSelector: labelSelector.optional(),
  namespaces: z.array(z.string()).optional(),
  matchLabelKeys: z.array(z.string()).optional(),
  mismatchLabelKeys: z.array(z.string()).optional(),
});

const weight = z.int().min(1).max(100);
const preferredNodes = z.array(
  fields({
    weight: weight.meta({ description: 'From 1 to 100; the weights of what a device meets are added up' }),
    preference: nodeSelectorTerm.meta({ description: 'What a device is to be like' }),
  }),
);
const preferredPods = z.array(fields({ weight, podAffinityTerm }));

/** Kubernetes' `Affinity` (core/v1). */
export const affinity = fields({
  nodeAffinity: fields({
    requiredDuringSchedulingIgnoredDuringExecution: fields({
      nodeSelectorTerms: z
        .array(nodeSelectorTerm)
        .min(1, 'must have at least one node selector term')
        .meta({ description: 'Of these, one must be met by the device; one that says nothing never is' }),
    })
      .meta({ description: 'Which devices may run it, beside nodeSelector' })
      .optional(),
    preferredDuringSchedulingIgnoredDuringExecution: preferredNodes
      .meta({ description: 'Devices that a set gives its machines first; of no effect for a single machine' })
      .optional(),
  })
    .meta({ description: 'Labels and names of the devices that it may run on' })
    .optional(),
  podAffinity: fields(
    {
      preferredDuringSchedulingIgnoredDuringExecution: meaningless(
        preferredPods.meta({ description: 'What it would better be near to' }),
        PREFERRED,
      ).optional(),
    },
    { requiredDuringSchedulingIgnoredDuringExecution: NEAR },
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

/** What of a machine's placing only a set heeds: it has several devices to choose from, a machine of its own has one. */
export function findIdlePreference(
  { affinity: given }: { readonly affinity?: z.infer<typeof affinity> | undefined },
  path: string,
): FieldWarning[] {
  if (given?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution === undefined) return [];
  const field = `${path}.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution`;
  return [{ field, why: 'exactly one device has to match; the machines of a set go by it' }];
}
