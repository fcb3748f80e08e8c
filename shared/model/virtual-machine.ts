import { z } from 'zod';
import { dataVolumeTemplate } from './data-volume.ts';
import { instanceSpec } from './instance-spec.ts';
import { defineKind } from './kind.ts';
import type { ObjectMeta } from './metadata.ts';
import { condition, templateMeta } from './metadata.ts';
import { fields, notYet, timestamp } from './schema.ts';

/** When a machine runs, in KubeVirt's words; `running: true|false` stands for Always and Halted. */
export const RUN_STRATEGIES = ['Always', 'Halted', 'Manual', 'Once', 'RerunOnFailure'] as const;
export type RunStrategy = (typeof RUN_STRATEGIES)[number];

const spec = fields(
  {
    running: z.boolean().optional(),
    runStrategy: z.enum(RUN_STRATEGIES).optional(),
    dataVolumeTemplates: z.array(dataVolumeTemplate).optional(),
    template: fields({ metadata: templateMeta.nullish(), spec: instanceSpec }),
  },
  notYet('instancetype', 'preference', 'updateVolumesStrategy'),
).superRefine((value, context) => {
  const refuse = (path: PropertyKey[], message: string, reason = 'FieldValueInvalid') =>
    context.addIssue({ code: 'custom', path, params: { reason }, message });
  if (value.running !== undefined && value.runStrategy !== undefined) {
    refuse(['running'], 'must not be given together with runStrategy', 'FieldValueForbidden');
  }
  if (value.running === undefined && value.runStrategy === undefined) {
    refuse(['runStrategy'], `is required: one of ${RUN_STRATEGIES.join(', ')}`, 'FieldValueRequired');
  }
  const templates = (value.dataVolumeTemplates ?? []).map(({ metadata }) => metadata.name);
  for (const [index, name] of templates.entries()) {
    if (templates.indexOf(name) < index) {
      refuse(
        ['dataVolumeTemplates', index, 'metadata', 'name'],
        `"${name}" is used twice`,
        'FieldValueDuplicate',
      );
    }
  }
  const used = new Set<string>();
  for (const [index, { dataVolume }] of (value.template.spec.volumes ?? []).entries()) {
    if (dataVolume === undefined) continue;
    const path = ['template', 'spec', 'volumes', index, 'dataVolume', 'name'];
    if (used.has(dataVolume.name)) refuse(path, `"${dataVolume.name}" is used twice`, 'FieldValueDuplicate');
    used.add(dataVolume.name);
    if (templates.includes(dataVolume.name)) continue;
    refuse(path, `no entry of spec.dataVolumeTemplates has the name "${dataVolume.name}"`);
  }
});
export type VirtualMachineSpec = z.infer<typeof spec>;

const status = fields({
  created: z.boolean().optional(),
  ready: z.boolean().optional(),
  printableStatus: z.string().optional(),
  runStrategy: z.enum(RUN_STRATEGIES).optional(),
  /** KubeVirt's: of a machine whose runs end too soon. */
  startFailure: fields({
    consecutiveFailCount: z.int().optional(),
    retryAfterTimestamp: timestamp.optional(),
    lastFailedVMIUID: z.string().optional(),
  }).optional(),
  conditions: z.array(condition).optional(),
  observedGeneration: z.int().optional(),
  desiredGeneration: z.int().optional(),
});
export type VirtualMachineStatus = z.infer<typeof status>;

export interface VirtualMachine {
  apiVersion: string;
  kind: 'VirtualMachine';
  metadata: ObjectMeta;
  spec: VirtualMachineSpec;
  status?: VirtualMachineStatus;
}

export function runStrategyOf({ running, runStrategy }: VirtualMachineSpec): RunStrategy {
  return runStrategy ?? (running === true ? 'Always' : 'Halted');
}

export const virtualMachineKind = defineKind({
  group: 'kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: 'VirtualMachine',
  plural: 'virtualmachines',
  shortNames: ['vm', 'vms'],
  categories: ['all'],
  namespaced: true,
  statusSubresource: true,
  columns: [
    {
      name: 'Age',
      type: 'date',
      jsonPath: '.metadata.creationTimestamp',
      description: 'Time since it was created',
    },
    {
      name: 'Status',
      type: 'string',
      jsonPath: '.status.printableStatus',
      description: 'What the machine is doing',
    },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: 'Whether the guest runs',
    },
    {
      name: 'Device',
      type: 'string',
      jsonPath: '.metadata.labels.holdfast\\.dev/device',
      description: 'Device that it is placed on',
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'Why the machine is as it is',
      priority: 1,
    },
  ],
  shape: { spec, status: status.optional() },
});
