import { z } from 'zod';
import type { PrinterColumn } from './kind.ts';
import { ageColumn } from './kind.ts';
import type { LabelSelector } from './label-selector.ts';
import { labelSelector, selects } from './label-selector.ts';
import type { labels } from './metadata.ts';
import { condition } from './metadata.ts';
import { fields } from './schema.ts';

/** What VirtualMachinePool and VirtualMachineInstanceReplicaSet have in common: a template, and a number of it. */

/** Kubernetes has no bound of its own; a set this large would be a mistake of typing. */
const MOST_REPLICAS = 100_000;

export const replicas = z
  .int()
  .min(0)
  .max(MOST_REPLICAS)
  .meta({ description: 'How many machines there should be; 1 unless given' });

export const machineSetSelector = labelSelector.meta({
  description: "Must select the template's labels; can't be changed",
});

export const machineSetStatus = fields({
  replicas: z.int().optional().meta({ description: 'How many machines there are' }),
  readyReplicas: z.int().optional().meta({ description: 'How many of them are ready' }),
  labelSelector: z
    .string()
    .optional()
    .meta({ description: 'The selector as a text, for what scales the set' }),
  conditions: z.array(condition).optional(),
});
export type MachineSetStatus = z.infer<typeof machineSetStatus>;

/** The columns that upstream prints for either kind. */
const COLUMNS: readonly PrinterColumn[] = [
  {
    name: 'Desired',
    type: 'integer',
    jsonPath: '.spec.replicas',
    description: 'Machines that there should be',
  },
  { name: 'Current', type: 'integer', jsonPath: '.status.replicas', description: 'Machines that there are' },
  {
    name: 'Ready',
    type: 'integer',
    jsonPath: '.status.readyReplicas',
    description: 'Machines that are ready',
  },
  ageColumn(),
];

/** What either kind is registered with. */
export const MACHINE_SET = {
  categories: ['all', 'holdfast'],
  namespaced: true,
  statusSubresource: true,
  scaleSubresource: true,
  columns: COLUMNS,
} as const;

/** Refuses a selector that does not select what the template makes: the set would make machines without end. */
export function checkSelector(
  selector: LabelSelector,
  templateLabels: z.infer<typeof labels> | null | undefined,
  context: z.core.$RefinementCtx,
): void {
  const isEmpty =
    Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  if (!isEmpty && selects(selector, templateLabels ?? {})) return;
  const message = isEmpty ? 'must select by at least one label' : "must select the template's labels";
  context.addIssue({ code: 'custom', path: ['selector'], message });
}
