import { z } from 'zod';
import { dnsLabel, dnsSubdomain, fields, positiveQuantity, notYet } from '../schema.ts';
import { cloudInitNoCloud } from './cloud-init.ts';

/** KubeVirt's `Volume`: where the content of a disk comes from, as far as Holdfast runs it. */

const SOURCES = ['dataVolume', 'emptyDisk', 'cloudInitNoCloud'] as const;

export const volume = fields(
  {
    name: dnsLabel,
    dataVolume: fields({ name: dnsSubdomain, hotpluggable: z.boolean().optional() }).optional(),
    emptyDisk: fields({ capacity: positiveQuantity }).optional(),
    cloudInitNoCloud: cloudInitNoCloud.optional(),
  },
  notYet(
    'cloudInitConfigDrive',
    'configMap',
    'containerDisk',
    'containerPath',
    'downwardAPI',
    'downwardMetrics',
    'ephemeral',
    'hostDisk',
    'memoryDump',
    'persistentVolumeClaim',
    'secret',
    'serviceAccount',
    'sysprep',
  ),
).superRefine((value, context) => {
  if (SOURCES.filter((source) => value[source] !== undefined).length === 1) return;
  context.addIssue({ code: 'custom', message: `must have exactly one of ${SOURCES.join(', ')}` });
});
export type Volume = z.infer<typeof volume>;
