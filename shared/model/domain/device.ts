import { z } from 'zod';
import { fields, meaningless, printable } from '../schema.ts';

/** The kinds of devices that are neither disks nor network cards. */

const name = z.string().min(1).max(253).meta({ description: 'Its name' });

export const input = fields({
  name,
  type: z.literal('tablet').meta({ description: 'tablet: a pointer that knows where it is' }),
  bus: z.enum(['usb', 'virtio']).meta({ description: 'usb (the default) or virtio' }).optional(),
});
export type Input = z.infer<typeof input>;

/** KubeVirt's `Watchdog`. */
export const watchdog = fields(
  {
    name,
    i6300esb: fields({
      action: z
        .enum(['poweroff', 'reset', 'shutdown'])
        .meta({
          description:
            'What is done when the guest no longer feeds it: reset (the default), poweroff, or shutdown',
        })
        .optional(),
    })
      .meta({ description: 'The i6300esb watchdog' })
      .optional(),
  },
  { diag288: 'it is a device of s390x, which is not run; i6300esb is the one of amd64' },
).superRefine((value, context) => {
  if (value.i6300esb !== undefined) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({
    code: 'custom',
    path: ['i6300esb'],
    params,
    message: 'is required: the one watchdog that there is',
  });
});

export const tpm = fields({
  enabled: z.boolean().meta({ description: 'True by default' }).optional(),
  persistent: z
    .boolean()
    .meta({
      description:
        "What the TPM keeps outlives the machine's restarts; it is a new TPM at each start by default",
    })
    .optional(),
});
export type Tpm = z.infer<typeof tpm>;

export const sound = fields({
  name,
  model: z
    .enum(['ich9', 'ac97'])
    .meta({ description: 'ich9 (the default) or ac97. What is played is heard nowhere' })
    .optional(),
});

export const VIDEO_TYPES = ['vga', 'virtio', 'bochs', 'ramfb', 'cirrus'] as const;

export const video = fields({
  type: z
    .enum(VIDEO_TYPES)
    .meta({
      description:
        'vga (the default with a BIOS), bochs (the default with UEFI), virtio (the default on arm64), ramfb or cirrus',
    })
    .optional(),
});

export const panicDevice = fields({
  model: z
    .enum(['isa', 'hyperv', 'pvpanic'])
    .meta({
      description:
        "isa (the default on amd64), pvpanic (on PCI; the default on arm64), or hyperv, Windows' way, under KVM only",
    })
    .optional(),
});

/** What a device plugin's resource is called: a domain, a slash and a name. */
export const resourceName = printable
  .max(316)
  .regex(
    /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/,
    'must be a resource such as nvidia.com/T4',
  );

const tag = meaningless(
  z.string().meta({ description: 'A word about the device for the guest' }),
  'the config drive names no devices',
).optional();

const byClaim =
  'dynamic resource allocation is not there; name the device by deviceName, and offer it on the box by its setting hostDevices';

export const hostDevice = fields(
  {
    name,
    deviceName: resourceName.meta({
      description: "The device, by what the agent's setting hostDevices calls it",
    }),
    tag,
  },
  { claimName: byClaim, requestName: byClaim },
);
export type HostDevice = z.infer<typeof hostDevice>;

export const gpu = fields(
  {
    name,
    deviceName: resourceName.meta({
      description: "The GPU, by what the agent's setting hostDevices calls it",
    }),
    tag,
  },
  {
    claimName: byClaim,
    requestName: byClaim,
    virtualGPUOptions:
      'parts of GPUs (vGPU, mediated devices) are not handed out; a whole one is, without options',
  },
);
