import { z } from 'zod';
import { fields, meaningless, positiveQuantity } from './schema.ts';

/**
 * How much room a data volume has, and where: Kubernetes' `PersistentVolumeClaimSpec` and CDI's `StorageSpec`, which
 * are alike. Where a cluster would choose among storages, a box has one place for disks.
 */

const resources = fields({
  requests: fields({
    storage: positiveQuantity.meta({ description: 'The size of the disk' }).optional(),
  })
    .meta({ description: 'What the disk has' })
    .optional(),
  limits: meaningless(
    fields({ storage: positiveQuantity.optional() }).meta({ description: 'What it may not exceed' }),
    'a disk is as large as requests.storage says, or else as its image',
  ).optional(),
});

/** Every manifest has to give one: of the one that a disk here has anyway there is nothing to warn of. */
const accessMode = z.union(
  [
    z.enum(['ReadWriteOnce', 'ReadWriteOncePod']),
    meaningless(z.enum(['ReadWriteMany', 'ReadOnlyMany']), 'a disk is on one device, and used there'),
  ],
  'must be ReadWriteOnce, ReadWriteOncePod, ReadWriteMany or ReadOnlyMany',
);

export const dataVolumeStorage = fields(
  {
    resources: resources.meta({ description: 'How large the disk is' }).optional(),
    accessModes: z
      .array(accessMode)
      .meta({ description: 'Who can use it: machines of its own device, one at a time' })
      .optional(),
    storageClassName: meaningless(
      z.string().meta({ description: 'Which storage it is on' }),
      'a device has one place for disks',
    ).optional(),
    volumeMode: meaningless(
      z.enum(['Filesystem', 'Block']).meta({ description: 'Whether it is a file or a block device' }),
      'the guest sees a disk either way',
    ).optional(),
  },
  {
    dataSource: "name what the disk is filled from in the data volume's source",
    dataSourceRef: "name what the disk is filled from in the data volume's source",
    selector: 'the disk is made anew, and not chosen among those that are there',
    volumeName: 'the disk is made anew, and not one that is there already',
    volumeAttributesClassName: 'a device has one place for disks',
  },
);
