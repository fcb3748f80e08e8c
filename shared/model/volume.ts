import { z } from 'zod';
import { base64, dnsLabel, dnsSubdomain, fields, positiveQuantity } from './schema.ts';

/** KubeVirt's `Volume`: where the content of a disk comes from, as far as Holdfast runs it. */

const cloudInitNoCloud = fields(
  {
    userData: z.string().optional(),
    userDataBase64: base64.optional(),
    networkData: z.string().optional(),
    networkDataBase64: base64.optional(),
  },
  ['networkDataSecretRef', 'secretRef'],
).superRefine((value, context) => {
  for (const name of ['userData', 'networkData'] as const) {
    if (value[name] === undefined || value[`${name}Base64`] === undefined) continue;
    const path = [`${name}Base64`];
    context.addIssue({ code: 'custom', path, message: `must not be given together with ${name}` });
  }
  if (Object.keys(value).length > 0) return;
  context.addIssue({
    code: 'custom',
    message: 'must have userData, userDataBase64, networkData or networkDataBase64',
  });
});

const SOURCES = ['dataVolume', 'emptyDisk', 'cloudInitNoCloud'] as const;

export const volume = fields(
  {
    name: dnsLabel,
    dataVolume: fields({ name: dnsSubdomain }, ['hotpluggable']).optional(),
    emptyDisk: fields({ capacity: positiveQuantity }).optional(),
    cloudInitNoCloud: cloudInitNoCloud.optional(),
  },
  [
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
  ],
).superRefine((value, context) => {
  if (SOURCES.filter((source) => value[source] !== undefined).length === 1) return;
  context.addIssue({ code: 'custom', message: `must have exactly one of ${SOURCES.join(', ')}` });
});
export type Volume = z.infer<typeof volume>;
