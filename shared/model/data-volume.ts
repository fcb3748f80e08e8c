import { z } from 'zod';
import { dataVolumeStorage } from './data-volume-storage.ts';
import { templateMeta } from './metadata.ts';
import { dnsSubdomain, fields, meaningless, notYet } from './schema.ts';

/**
 * `dataVolumeTemplates` of a VirtualMachine, after CDI's `DataVolume` (cdi.kubevirt.io/v1beta1): a disk that
 * is filled once from a source and then belongs to the machine.
 */

const http = fields(
  {
    url: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }),
    /** CDI's `checksum` (1.65 and later), of which SHA-256 is taken. */
    checksum: z
      .string()
      .regex(/^sha256:[0-9a-fA-F]{64}$/, 'must be "sha256:" and 64 hexadecimal digits')
      .optional(),
  },
  notYet('certConfigMap', 'extraHeaders', 'secretExtraHeaders', 'secretRef'),
);

const source = fields(
  { http: http.optional(), blank: fields({}).optional() },
  notYet('gcs', 'imageio', 'pvc', 'registry', 's3', 'snapshot', 'upload', 'vddk'),
).superRefine((value, context) => {
  if (Object.keys(value).length === 1) return;
  context.addIssue({ code: 'custom', message: 'must name exactly one source: http or blank' });
});

const ONE_STAGE = 'a disk is filled in one go, from one source';

export const dataVolumeTemplate = fields({
  apiVersion: z.string().meta({ description: 'cdi.kubevirt.io/v1beta1, where it is given' }).optional(),
  kind: z.literal('DataVolume').meta({ description: 'DataVolume, where it is given' }).optional(),
  /** It is part of a file's name on the box. */
  metadata: templateMeta
    .extend({ name: dnsSubdomain.max(200).meta({ description: 'By which a volume names it' }) })
    .meta({ ...templateMeta.meta(), description: 'Its name, labels and annotations' }),
  spec: fields(
    {
      source,
      pvc: dataVolumeStorage.meta({ description: 'The same as storage, in an older form' }).optional(),
      storage: dataVolumeStorage.meta({ description: 'How large the disk is' }).optional(),
      contentType: z
        .literal('kubevirt', 'must be kubevirt: a disk image, not an archive of files')
        .meta({ description: 'What the source holds: the image of a disk' })
        .optional(),
      preallocation: z
        .literal(false, 'must be false: disks take up room as they are written to')
        .meta({ description: 'Whether all its room is taken up at once' })
        .optional(),
      priorityClassName: meaningless(
        z.string().meta({ description: 'Who gives way while it is filled' }),
        'disks are filled by the agent, without a pod',
      ).optional(),
    },
    {
      checkpoints: ONE_STAGE,
      finalCheckpoint: ONE_STAGE,
      sourceRef: 'there are no DataSource objects: name the source itself, in source',
    },
  )
    .superRefine((spec, context) => {
      if (spec.pvc !== undefined && spec.storage !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['storage'],
          message: 'must not be given together with pvc',
        });
      }
      const size = (spec.storage ?? spec.pvc)?.resources?.requests?.storage;
      if (spec.source.blank !== undefined && size === undefined) {
        const path = [spec.pvc === undefined ? 'storage' : 'pvc', 'resources', 'requests', 'storage'];
        context.addIssue({ code: 'custom', path, message: 'is required for a blank disk' });
      }
    })
    .meta({ description: 'What the disk is filled from, and how large it is' }),
  status: meaningless(
    fields({}).meta({ description: 'Empty: what older versions of KubeVirt wrote' }),
    'the DataVolume itself has a status',
  ).nullish(),
});
export type DataVolumeTemplate = z.infer<typeof dataVolumeTemplate>;
