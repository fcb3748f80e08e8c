import { z } from 'zod';
import { dnsLabel, fields, meaningless } from '../schema.ts';

const SMALLEST_BLOCK = 512;
const LARGEST_BLOCK = 2 * 2 ** 20;

/** How much of a serial number reaches the guest; QEMU would cut the rest off, or not start. */
const SERIAL_LIMITS = { virtio: 20, sata: 20, scsi: 36, usb: 36 } as const;

const bus = z.enum(['virtio', 'sata', 'scsi', 'usb']);

const blockBytes = z
  .int()
  .min(SMALLEST_BLOCK)
  .max(LARGEST_BLOCK)
  .refine((size) => (size & (size - 1)) === 0, 'must be a power of two');

const blockSize = fields({
  custom: fields({
    logical: blockBytes.meta({ description: 'Bytes of the smallest piece that the guest reads or writes' }),
    physical: blockBytes.meta({ description: 'Bytes of the piece that is best written as a whole' }),
    discardGranularity: z
      .int()
      .min(0)
      .meta({ description: 'Bytes of the smallest piece that is given back; a multiple of logical' })
      .optional(),
  })
    .meta({ description: 'Sizes of our own choice' })
    .optional(),
  matchVolume: fields({
    enabled: z.boolean().meta({ description: 'Whether they are taken over (true unless given)' }).optional(),
  })
    .meta({ description: "Takes over the sizes of the box's file system or block device" })
    .optional(),
}).superRefine(({ custom, matchVolume }, context) => {
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  if (custom === undefined) return;
  if (matchVolume !== undefined && matchVolume.enabled !== false)
    refuse(['matchVolume'], 'must not be given together with custom');
  if (custom.logical > custom.physical)
    refuse(['custom', 'logical'], `must be at most physical (${custom.physical})`);
  if ((custom.discardGranularity ?? 0) % custom.logical !== 0)
    refuse(['custom', 'discardGranularity'], `must be a multiple of logical (${custom.logical})`);
});

const readonly = z.boolean().meta({ description: 'Whether the guest can only read it' });

/** KubeVirt's `Disk`: how the guest sees a volume. */
export const disk = fields(
  {
    name: dnsLabel.meta({ description: 'The volume that it shows' }),
    disk: fields(
      {
        bus: bus
          .meta({ description: 'What it is attached to: virtio, sata (unless given), scsi or usb' })
          .optional(),
        readonly: readonly.optional(),
      },
      { pciAddress: 'the agent chooses addresses and keeps them over restarts; leave it out' },
    )
      .meta({ description: 'Shows the volume as a hard disk, as is done unless cdrom is given' })
      .optional(),
    cdrom: fields({
      bus: z
        .enum(['sata', 'scsi'])
        .meta({ description: 'What the drive is attached to: sata (unless given) or scsi' })
        .optional(),
      readonly: z.literal(true).meta({ description: 'Always true' }).optional(),
      tray: z
        .enum(['open', 'closed'])
        .meta({ description: 'With an open tray the drive has no medium at the start' })
        .optional(),
    })
      .meta({
        description: 'Shows the volume in a CD-ROM drive; without a volume of its name the drive is empty',
      })
      .optional(),
    bootOrder: z
      .int()
      .min(1)
      .meta({
        description: 'The guest boots from the lowest first; once one is given, only from those that have it',
      })
      .optional(),
    serial: z
      .string()
      .regex(/^[A-Za-z0-9_.+-]+$/, 'must be letters, digits, "_", ".", "+" or "-"')
      .meta({ description: 'The serial number that the guest sees: 20 characters, 36 with scsi and usb' })
      .optional(),
    cache: z
      .enum(['none', 'writethrough', 'writeback'])
      .meta({ description: 'Whether the box caches: none (unless given), writethrough, writeback' })
      .optional(),
    io: z
      .enum(['native', 'threads', 'default'])
      .meta({ description: 'How QEMU waits for the disk: native (only with cache none) or threads' })
      .optional(),
    shareable: z
      .boolean()
      .meta({
        description: 'Whether other machines may write it too: hostDisk and raw claims only, with cache none',
      })
      .optional(),
    errorPolicy: z
      .enum(['stop', 'ignore', 'report', 'enospace'])
      .meta({
        description:
          'At an I/O error the guest is held (stop), told (report), or nothing is done; enospace holds it where space is short and tells the rest',
      })
      .optional(),
    blockSize: blockSize.meta({ description: 'The block sizes that the guest sees' }).optional(),
    dedicatedIOThread: z
      .boolean()
      .meta({ description: 'Whether the disk has a thread of its own; virtio only' })
      .optional(),
    tag: meaningless(
      z.string().meta({ description: 'A word by which the guest is to know it' }),
      'no guest is told tags of disks',
    ).optional(),
  },
  {
    changedBlockTracking: 'there are no incremental backups; leave it out',
    lun: "a LUN of the box is not passed on; use disk with bus scsi, which has the device's content",
  },
).superRefine((value, context) => {
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  if (value.disk !== undefined && value.cdrom !== undefined)
    refuse(['cdrom'], 'must not be given together with disk');
  const on = busOf(value);
  const limit = SERIAL_LIMITS[on];
  if ((value.serial ?? '').length > limit)
    refuse(['serial'], `must be at most ${limit} characters: bus ${on} carries no more`);
  if (value.disk?.bus === 'sata' && value.disk.readonly === true)
    refuse(['disk', 'readonly'], 'SATA has no read-only hard disks: use cdrom, or bus virtio or scsi');
  if (value.dedicatedIOThread === true && on !== 'virtio')
    refuse(['dedicatedIOThread'], `bus ${on} can't have a thread of its own: use bus virtio`);
  if (value.io === 'native' && (value.cache ?? 'none') !== 'none')
    refuse(['io'], `native needs cache none, not ${value.cache}`);
  if (value.shareable === true && (value.cache ?? 'none') !== 'none')
    refuse(['shareable'], `needs cache none, not ${value.cache}`);
  const logical = value.blockSize?.custom?.logical ?? SMALLEST_BLOCK;
  if (on === 'sata' && logical !== SMALLEST_BLOCK)
    refuse(['blockSize', 'custom', 'logical'], `must be ${SMALLEST_BLOCK} with bus sata`);
});
export type Disk = z.infer<typeof disk>;
export type DiskBus = z.infer<typeof bus>;

/** The bus of a disk, which is SATA unless given (as in KubeVirt on x86-64). */
export function busOf({ disk: hard, cdrom }: Pick<Disk, 'disk' | 'cdrom'>): DiskBus {
  return hard?.bus ?? cdrom?.bus ?? 'sata';
}
