import { z } from 'zod';
import { dnsLabel, fields, notYet } from '../schema.ts';

const diskBus = z.enum(['virtio', 'sata']);

/** KubeVirt's `Disk`: how the guest sees a volume. */
export const disk = fields(
  {
    name: dnsLabel,
    disk: fields(
      { bus: diskBus.optional(), readonly: z.boolean().optional() },
      notYet('pciAddress'),
    ).optional(),
    cdrom: fields(
      { bus: z.literal('sata').optional(), readonly: z.literal(true).optional() },
      notYet('tray'),
    ).optional(),
    bootOrder: z.int().min(1).optional(),
    serial: z
      .string()
      .max(20)
      .regex(/^[A-Za-z0-9_.-]+$/, 'must be letters, digits, "_", "." or "-"')
      .optional(),
    cache: z.enum(['none', 'writethrough', 'writeback']).optional(),
  },
  notYet(
    'blockSize',
    'changedBlockTracking',
    'dedicatedIOThread',
    'errorPolicy',
    'io',
    'lun',
    'shareable',
    'tag',
  ),
).superRefine((value, context) => {
  if (value.disk === undefined || value.cdrom === undefined) return;
  context.addIssue({ code: 'custom', path: ['cdrom'], message: 'must not be given together with disk' });
});
export type Disk = z.infer<typeof disk>;
