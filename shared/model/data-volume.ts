import { z } from 'zod';
import { dataVolumeSource } from './data-volume-source.ts';
import { dataVolumeStorage } from './data-volume-storage.ts';
import { templateMeta } from './metadata.ts';
import { dnsSubdomain, fields, meaningless } from './schema.ts';

/**
 * `dataVolumeTemplates` of a VirtualMachine, after CDI's `DataVolume` (cdi.kubevirt.io/v1beta1): a disk that
 * is filled once from a source and then belongs to the machine.
 */

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
      source: dataVolumeSource.meta({ description: 'What the disk is filled with' }),
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
      const unsized = (['blank', 'upload'] as const).find((name) => spec.source[name] !== undefined);
      if (unsized !== undefined && size === undefined) {
        const path = [spec.pvc === undefined ? 'storage' : 'pvc', 'resources', 'requests', 'storage'];
        context.addIssue({
          code: 'custom',
          path,
          message: `is required for ${unsized === 'blank' ? 'a blank disk' : 'an upload'}`,
        });
      }
    })
    .meta({ description: 'What the disk is filled from, and how large it is' }),
  status: meaningless(
    fields({}).meta({ description: 'Empty: what older versions of KubeVirt wrote' }),
    'the DataVolume itself has a status',
  ).nullish(),
});
export type DataVolumeTemplate = z.infer<typeof dataVolumeTemplate>;
