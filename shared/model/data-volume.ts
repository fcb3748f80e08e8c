import { z } from 'zod';
import { templateMeta } from './metadata.ts';
import { dnsSubdomain, fields, positiveQuantity, notYet } from './schema.ts';

/**
 * `dataVolumeTemplates` of a VirtualMachine, after CDI's `DataVolume` (cdi.kubevirt.io/v1beta1): a disk that
 * is filled once from a source and then belongs to the machine.
 */

const resources = fields({
  requests: fields({ storage: positiveQuantity }).optional(),
  limits: fields({ storage: positiveQuantity }).optional(),
});

/** Where a cluster would put the disk; a box has one place for disks, so these only have to be well formed. */
const placement = {
  accessModes: z
    .array(z.enum(['ReadWriteOnce', 'ReadWriteMany', 'ReadOnlyMany', 'ReadWriteOncePod']))
    .optional(),
  storageClassName: z.string().optional(),
  volumeMode: z.enum(['Filesystem', 'Block']).optional(),
  resources: resources.optional(),
};
const REFUSED_PLACEMENT = notYet(
  'dataSource',
  'dataSourceRef',
  'selector',
  'volumeName',
  'volumeAttributesClassName',
);

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

export const dataVolumeTemplate = fields(
  {
    apiVersion: z.string().optional(),
    kind: z.literal('DataVolume').optional(),
    /** It is part of a file's name on the box. */
    metadata: templateMeta.extend({ name: dnsSubdomain.max(200) }).meta({ ...templateMeta.meta() }),
    spec: fields(
      {
        source,
        pvc: fields(placement, REFUSED_PLACEMENT).optional(),
        storage: fields(placement, REFUSED_PLACEMENT).optional(),
        contentType: z.literal('kubevirt').optional(),
      },
      notYet('checkpoints', 'finalCheckpoint', 'preallocation', 'priorityClassName', 'sourceRef'),
    ).superRefine((spec, context) => {
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
    }),
  },
  notYet('status'),
);
export type DataVolumeTemplate = z.infer<typeof dataVolumeTemplate>;
