import { z } from 'zod';
import type { DataVolumeTemplate } from './data-volume.ts';
import { dataVolumeTemplate } from './data-volume.ts';
import { ageColumn, defineKind } from './kind.ts';
import type { ObjectMeta } from './metadata.ts';
import { condition } from './metadata.ts';
import { fields } from './schema.ts';

/**
 * CDI's `DataVolume` (cdi.kubevirt.io/v1beta1). One of its own goes to the device of the first machine that uses it
 * and outlives machines; one of a machine's `dataVolumeTemplates` is shown here, and is its machine's.
 */

/** As far as they are used here. */
export const VOLUME_PHASES = [
  /** No machine uses it yet, so that it has no device. */
  'WaitForFirstConsumer',
  'Pending',
  'ImportScheduled',
  'ImportInProgress',
  'UploadReady',
  'Succeeded',
  'Failed',
  /** Its device can't be heard. */
  'Unknown',
] as const;
export type VolumePhase = (typeof VOLUME_PHASES)[number];

const status = fields({
  phase: z.enum(VOLUME_PHASES).meta({ description: 'How far it has been filled' }).optional(),
  progress: z.string().meta({ description: 'How much of it is there, such as 42.00%, or N/A' }).optional(),
  claimName: z.string().meta({ description: 'The name by which machines can claim it: its own' }).optional(),
  restartCount: z.int().meta({ description: 'How often filling it began anew' }).optional(),
  conditions: z.array(condition).optional(),
});
export type DataVolumeStatus = z.infer<typeof status>;

export interface DataVolume {
  apiVersion: string;
  kind: 'DataVolume';
  metadata: ObjectMeta;
  spec: DataVolumeTemplate['spec'];
  status?: DataVolumeStatus;
}

export const dataVolumeKind = defineKind({
  group: 'cdi.kubevirt.io',
  versions: ['v1beta1'],
  kind: 'DataVolume',
  plural: 'datavolumes',
  shortNames: ['dv', 'dvs'],
  categories: ['all', 'holdfast'],
  namespaced: true,
  statusSubresource: true,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'How far it has been filled' },
    {
      name: 'Progress',
      type: 'string',
      jsonPath: '.status.progress',
      description: 'How much of it is there',
    },
    {
      name: 'Device',
      type: 'string',
      jsonPath: '.metadata.labels.holdfast\\.dev/device',
      description: 'Device that it is on',
    },
    ageColumn(),
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: 'Why it is as it is',
      priority: 1,
    },
  ],
  shape: { spec: dataVolumeTemplate.shape.spec, status: status.optional() },
});
