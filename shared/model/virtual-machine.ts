import { z } from 'zod';
import { dataVolumeTemplate } from './data-volume.ts';
import { DEFAULT_ARCHITECTURE, checkSecureBoot } from './domain/architecture.ts';
import { hasMemory } from './domain/domain.ts';
import { instanceSpec } from './instance-spec.ts';
import { instancetypeMatcher, preferenceMatcher, profileStatus } from './matcher.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ObjectMeta } from './metadata.ts';
import { condition, templateMeta } from './metadata.ts';
import { findIdlePreference } from './scheduling.ts';
import { fields, timestamp } from './schema.ts';

/** When a machine runs, in KubeVirt's words; `running: true|false` stands for Always and Halted. */
export const RUN_STRATEGIES = ['Always', 'Halted', 'Manual', 'Once', 'RerunOnFailure'] as const;
export type RunStrategy = (typeof RUN_STRATEGIES)[number];

export const virtualMachineSpec = fields({
  running: z
    .boolean()
    .meta({ description: 'The older form of runStrategy: true is Always, false is Halted' })
    .optional(),
  runStrategy: z
    .enum(RUN_STRATEGIES, {
      error: ({ input }) =>
        input === 'WaitAsReceiver'
          ? 'WaitAsReceiver is not supported: machines are not migrated'
          : `must be one of ${RUN_STRATEGIES.join(', ')}`,
    })
    .meta({ description: 'When it runs' })
    .optional(),
  dataVolumeTemplates: z
    .array(dataVolumeTemplate)
    .meta({ description: 'Disks that are filled once, and then belong to the machine' })
    .optional(),
  template: fields({
    metadata: templateMeta.meta({ description: "Labels and annotations of the machine's runs" }).nullish(),
    spec: instanceSpec.meta({ description: 'What each run is made with' }),
  }).meta({ description: 'What the machine is' }),
  updateVolumesStrategy: z
    .literal('Replacement', {
      error: ({ input }) =>
        input === 'Migration'
          ? 'Migration is not supported: another disk is taken at the next restart (Replacement)'
          : 'must be Replacement',
    })
    .meta({ description: 'How another disk takes the place of one: at the next restart' })
    .optional(),
  instancetype: instancetypeMatcher
    .meta({ description: "The instancetype that gives the machine's sizes" })
    .optional(),
  preference: preferenceMatcher
    .meta({ description: 'The preference that fills in what the template leaves open' })
    .optional(),
}).superRefine((value, context) => {
  const refuse = (path: PropertyKey[], message: string, reason = 'FieldValueInvalid') =>
    context.addIssue({ code: 'custom', path, params: { reason }, message });
  if (value.running !== undefined && value.runStrategy !== undefined) {
    refuse(['running'], 'must not be given together with runStrategy', 'FieldValueForbidden');
  }
  if (value.running === undefined && value.runStrategy === undefined) {
    refuse(['runStrategy'], `is required: one of ${RUN_STRATEGIES.join(', ')}`, 'FieldValueRequired');
  }
  if (value.instancetype === undefined && !hasMemory(value.template.spec.domain)) {
    const path = ['template', 'spec', 'domain', 'memory', 'guest'];
    refuse(path, 'is required, or an instancetype', 'FieldValueRequired');
  }
  if (value.preference === undefined) {
    const { domain, architecture = DEFAULT_ARCHITECTURE } = value.template.spec;
    checkSecureBoot(domain, architecture, (path, message) =>
      refuse(['template', 'spec', 'domain', ...path], message),
    );
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
  }
});
export type VirtualMachineSpec = z.infer<typeof virtualMachineSpec>;

const NO_SNAPSHOTS = 'there are no snapshots of machines';

/** What is refused of it is never shown. */
const status = fields(
  {
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
    instancetypeRef: profileStatus.optional(),
    preferenceRef: profileStatus.optional(),
  },
  {
    changedBlockTracking: 'disks are not backed up by what has changed of them',
    memoryDumpRequest: 'memory is not dumped to a volume',
    restoreInProgress: NO_SNAPSHOTS,
    snapshotInProgress: NO_SNAPSHOTS,
    stateChangeRequests: 'a start, a stop or a restart goes to the device, whose answer the conditions tell',
    volumeRequests: 'volumes are added and removed in the spec itself',
    volumeSnapshotStatuses: NO_SNAPSHOTS,
    volumeUpdateState: 'volumes are not migrated: another disk is taken at the next restart',
  },
);
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
  categories: ['all', 'holdfast'],
  namespaced: true,
  statusSubresource: true,
  findWarnings: ({ spec }) =>
    findIdlePreference((spec as VirtualMachineSpec).template.spec, 'spec.template.spec'),
  columns: [
    ageColumn(),
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
  shape: {
    spec: virtualMachineSpec.meta({ description: 'What the machine is, and when it runs' }),
    status: status.optional(),
  },
});
