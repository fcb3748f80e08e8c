import { z } from 'zod';
import { fields, positiveQuantity, printable } from '../schema.ts';

/** KubeVirt's `HostDisk`: a raw disk image in a folder of the box. */
export const hostDisk = fields({
  path: printable
    .max(1024)
    .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/, 'must be an absolute path of a file, without "." and ".."')
    .meta({ description: "The raw image; it must lie in a folder of the box's setting hostDiskFolders" }),
  type: z.enum(['Disk', 'DiskOrCreate']).meta({
    description: 'Whether the file must be there (Disk), or is made at the first start (DiskOrCreate)',
  }),
  capacity: positiveQuantity.meta({ description: 'How large it is made, with DiskOrCreate' }).optional(),
  shared: z.boolean().meta({ description: 'Whether other machines may write it too' }).optional(),
}).superRefine(({ type, capacity }, context) => {
  if (type === 'Disk' && capacity !== undefined) {
    const message = 'is of use with type DiskOrCreate only: the file of type Disk has its size';
    context.addIssue({ code: 'custom', path: ['capacity'], message });
  }
  if (type === 'DiskOrCreate' && capacity === undefined) {
    const params = { reason: 'FieldValueRequired' };
    const message = 'is required with type DiskOrCreate';
    context.addIssue({ code: 'custom', path: ['capacity'], params, message });
  }
});
