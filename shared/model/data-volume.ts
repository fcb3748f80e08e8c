import { z } from 'zod';
import { dataVolumeSource } from './data-volume-source.ts';
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

export const dataVolumeTemplate = fields(
  {
    apiVersion: z.string().optional(),
    kind: z.literal('DataVolume').optional(),
    /** It is part of a file's name on the box. */
    metadata: templateMeta.extend({ name: dnsSubdomain.max(200) }).meta({ ...templateMeta.meta() }),
    spec: fields(
      {
        source: dataVolumeSource,
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
      const unsized = (['blank', 'upload'] as const).find((name) => spec.source[name] !== undefined);
      if (unsized !== undefined && size === undefined) {
        const path = [spec.pvc === undefined ? 'storage' : 'pvc', 'resources', 'requests', 'storage'];
        context.addIssue({
          code: 'custom',
          path,
          message: `is required for ${unsized === 'blank' ? 'a blank disk' : 'an upload'}`,
        });
      }
    }),
  },
  notYet('status'),
);
export type DataVolumeTemplate = z.infer<typeof dataVolumeTemplate>;
