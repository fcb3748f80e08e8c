import { z } from 'zod';
import { dnsLabel, fields, positiveQuantity, printable, quantity } from './schema.ts';

/** KubeVirt's `DomainSpec`: the virtual hardware, as far as Holdfast runs it. */

const count = z.int().min(1).max(512);

const cpu = fields(
  {
    cores: count.optional(),
    sockets: count.optional(),
    threads: count.optional(),
    /** The host's own CPU under KVM, and QEMU's most capable one under TCG. */
    model: z.enum(['host-model', 'host-passthrough']).optional(),
  },
  ['dedicatedCpuPlacement', 'features', 'isolateEmulatorThread', 'maxSockets', 'numa', 'realtime'],
);

const memory = fields({ guest: positiveQuantity.optional() }, ['hugepages', 'maxGuest', 'reservedOverhead']);

const resourceList = fields({ memory: positiveQuantity.optional(), cpu: quantity.optional() });
const resources = fields({ requests: resourceList.optional(), limits: resourceList.optional() }, [
  'overcommitGuestOverhead',
]);

const diskBus = z.enum(['virtio', 'sata']);

const disk = fields(
  {
    name: dnsLabel,
    disk: fields({ bus: diskBus.optional(), readonly: z.boolean().optional() }, ['pciAddress']).optional(),
    cdrom: fields({ bus: z.literal('sata').optional(), readonly: z.literal(true).optional() }, [
      'tray',
    ]).optional(),
    bootOrder: z.int().min(1).optional(),
    serial: z
      .string()
      .max(20)
      .regex(/^[A-Za-z0-9_.-]+$/, 'must be letters, digits, "_", "." or "-"')
      .optional(),
    cache: z.enum(['none', 'writethrough', 'writeback']).optional(),
  },
  ['blockSize', 'changedBlockTracking', 'dedicatedIOThread', 'errorPolicy', 'io', 'lun', 'shareable', 'tag'],
).superRefine((value, context) => {
  if (value.disk === undefined || value.cdrom === undefined) return;
  context.addIssue({ code: 'custom', path: ['cdrom'], message: 'must not be given together with disk' });
});
export type Disk = z.infer<typeof disk>;

const port = fields({
  name: dnsLabel.optional(),
  port: z.int().min(1).max(65_535),
  protocol: z.enum(['TCP', 'UDP']).optional(),
});

const networkInterface = fields(
  {
    name: dnsLabel,
    masquerade: fields({}).optional(),
    model: z.enum(['virtio', 'e1000', 'e1000e', 'rtl8139']).optional(),
    macAddress: z
      .string()
      .regex(/^[0-9a-fA-F][02468aceACE]([:-][0-9a-fA-F]{2}){5}$/, 'must be a unicast MAC address')
      .optional(),
    ports: z.array(port).optional(),
  },
  [
    'acpiIndex',
    'binding',
    'bootOrder',
    'bridge',
    'dhcpOptions',
    'macvtap',
    'passt',
    'passtBinding',
    'pciAddress',
    'portRanges',
    'slirp',
    'sriov',
    'state',
    'tag',
  ],
).superRefine((value, context) => {
  if (value.masquerade !== undefined) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({
    code: 'custom',
    path: ['masquerade'],
    params,
    message: 'is required: the one binding supported',
  });
});
export type NetworkInterface = z.infer<typeof networkInterface>;

const devices = fields(
  {
    disks: z.array(disk).optional(),
    interfaces: z.array(networkInterface).optional(),
    rng: fields({}).optional(),
    autoattachPodInterface: z.boolean().optional(),
    autoattachGraphicsDevice: z.boolean().optional(),
    autoattachSerialConsole: z.literal(true).optional(),
  },
  [
    'autoattachInputDevice',
    'autoattachMemBalloon',
    'autoattachVSOCK',
    'blockMultiQueue',
    'clientPassthrough',
    'disableHotplug',
    'downwardMetrics',
    'filesystems',
    'gpus',
    'hostDevices',
    'inputs',
    'logSerialConsole',
    'networkInterfaceMultiqueue',
    'panicDevices',
    'sound',
    'tpm',
    'useVirtioTransitional',
    'video',
    'watchdog',
  ],
);

const kernelBoot = fields({
  kernelArgs: printable.max(2047).optional(),
  container: fields(
    {
      image: printable.regex(
        /^file:\/\/\/[^?#]*$/,
        'must be file:///FOLDER, a folder on the box: registries are not supported',
      ),
      kernelPath: printable.min(1),
      initrdPath: printable.min(1).optional(),
    },
    ['imagePullPolicy', 'imagePullSecret'],
  ),
});

const firmware = fields(
  {
    uuid: z.guid().optional(),
    serial: printable.max(255).optional(),
    bootloader: fields({ bios: fields({}, ['useSerial']).optional() }, ['efi']).optional(),
    kernelBoot: kernelBoot.optional(),
  },
  ['acpi'],
);

export const domain = fields(
  {
    cpu: cpu.optional(),
    memory: memory.optional(),
    resources: resources.optional(),
    devices,
    firmware: firmware.optional(),
    machine: fields({ type: z.enum(['q35', '']).optional() }).optional(),
  },
  ['chassis', 'clock', 'features', 'ioThreads', 'ioThreadsPolicy', 'launchSecurity', 'rebootPolicy'],
).superRefine((value, context) => {
  const { memory: given, resources: wanted } = value;
  if ((given?.guest ?? wanted?.requests?.memory ?? wanted?.limits?.memory) !== undefined) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({ code: 'custom', path: ['memory', 'guest'], params, message: 'is required' });
});
export type Domain = z.infer<typeof domain>;
