import { z } from 'zod';
import { parseQuantity } from '../../base/quantity.ts';
import { fields, printable } from '../schema.ts';
import { clock } from './clock.ts';
import { cpu } from './cpu.ts';
import { devices } from './devices.ts';
import { features } from './features.ts';
import { firmware } from './firmware.ts';
import { memory, resources } from './memory.ts';

const text = printable.max(255);

/** KubeVirt's `Chassis`: SMBIOS' table of the case. */
const chassis = fields({
  asset: text.meta({ description: 'Its asset tag' }).optional(),
  manufacturer: text.meta({ description: 'Who made it' }).optional(),
  serial: text.meta({ description: 'Its serial number' }).optional(),
  sku: text.meta({ description: 'Its stock-keeping number' }).optional(),
  version: text.meta({ description: 'Its version' }).optional(),
});

/** KubeVirt's `Machine`. Its defaults are those of KubeVirt's `emulatedMachines`. */
const machine = fields({
  type: z
    .string()
    .regex(
      /^((pc-)?q35(-[a-z0-9.-]+)?|virt(-[a-z0-9.-]+)?)?$/,
      'is not supported: must be q35 or a version of it (pc-q35-…) on amd64, virt or a version of it (virt-…) on arm64',
    )
    .meta({ description: "q35 on amd64, virt on arm64, or one of their versions that the box's QEMU has" })
    .optional(),
});

/** KubeVirt's `DomainSpec`: the virtual hardware, as far as Holdfast runs it. */
export const domain = fields(
  {
    cpu: cpu.meta({ description: 'The CPUs' }).optional(),
    memory: memory.meta({ description: 'The memory' }).optional(),
    resources: resources
      .meta({ description: 'What the machine needs of the box, and the most that it may use' })
      .optional(),
    devices: devices.meta({ description: 'The devices' }),
    firmware: firmware.meta({ description: 'The firmware, and what it says of the system' }).optional(),
    machine: machine.meta({ description: 'The kind of computer' }).optional(),
    chassis: chassis.meta({ description: "What the guest sees of the computer's case" }).optional(),
    clock: clock.meta({ description: "The guest's clock and timers" }).optional(),
    features: features.meta({ description: 'Features of the computer and of its hypervisor' }).optional(),
    ioThreads: fields({
      supplementalPoolThreadCount: z
        .int()
        .min(1)
        .max(64)
        .meta({ description: 'How many threads the pool has' })
        .optional(),
    })
      .meta({ description: 'For ioThreadsPolicy: supplementalPool' })
      .optional(),
    ioThreadsPolicy: z
      .enum(['shared', 'auto', 'supplementalPool'])
      .meta({
        description:
          "Which threads virtio disks are served by: shared (one, beside those of dedicatedIOThread), auto (two for each CPU requested) or supplementalPool; QEMU's own where it is left out",
      })
      .optional(),
    rebootPolicy: z
      .enum(['Reboot', 'Terminate'])
      .meta({
        description:
          'Reboot (the default) lets the guest reboot; Terminate ends the run, and the run strategy says what follows',
      })
      .optional(),
  },
  {
    launchSecurity:
      "encrypted guests (SEV, SEV-SNP, TDX) need hardware and firmware that boxes don't have; secure boot and a TPM are there",
  },
).superRefine((value, context) => {
  const { memory: given, resources: wanted } = value;
  const refuse = (path: PropertyKey[], message: string, reason = 'FieldValueInvalid') =>
    context.addIssue({ code: 'custom', path, params: { reason }, message });
  const limit = wanted?.limits?.memory;
  if (given?.guest !== undefined && limit !== undefined && bytes(given.guest) > bytes(limit))
    refuse(['memory', 'guest'], `must be at most resources.limits.memory, ${limit}`);
  if (value.cpu?.numa?.guestMappingPassthrough !== undefined && given?.hugepages === undefined)
    refuse(['cpu', 'numa'], 'needs memory.hugepages');
  if (
    value.ioThreadsPolicy === 'supplementalPool' &&
    value.ioThreads?.supplementalPoolThreadCount === undefined
  )
    refuse(
      ['ioThreads', 'supplementalPoolThreadCount'],
      'is required with ioThreadsPolicy: supplementalPool',
      'FieldValueRequired',
    );
});
export type Domain = z.infer<typeof domain>;

function bytes(quantity: string): number {
  return parseQuantity(quantity) ?? 0;
}

/** Whether the domain says how much memory it has, which an instancetype may say in its place. */
export function hasMemory({ memory: given, resources: wanted }: Domain): boolean {
  const said =
    given?.guest ?? wanted?.requests?.memory ?? wanted?.limits?.memory ?? given?.hugepages?.pageSize;
  return said !== undefined;
}
