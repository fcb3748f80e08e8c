import { z } from 'zod';
import { parseImageReference } from '../../base/image-reference.ts';
import { fields, printable } from '../schema.ts';
import { imagePullPolicy, imagePullSecret, pathInImage } from '../volume/container-disk.ts';

/** KubeVirt's `KernelBoot`: a kernel that is booted directly, from a container image. */
const kernelBoot = fields({
  kernelArgs: printable.max(2047).meta({ description: "The kernel's command line" }).optional(),
  container: fields({
    image: printable
      .refine(
        (image) => /^file:\/\/\/[^?#]*$/.test(image) || parseImageReference(image) !== undefined,
        'must be an image of a registry, such as registry.example:5000/kernels/debian:12, or file:///FOLDER on the box',
      )
      .meta({ description: 'The container image that has the kernel, or file:///FOLDER on the box' }),
    imagePullPolicy: imagePullPolicy.optional(),
    imagePullSecret: imagePullSecret.optional(),
    kernelPath: pathInImage.meta({ description: "The kernel's file in the image" }),
    initrdPath: pathInImage.meta({ description: "The initial ramdisk's file in the image" }).optional(),
  }).meta({ description: 'Where the kernel is from' }),
});

const bios = fields({
  useSerial: z.boolean().meta({ description: 'The BIOS writes to the serial console as well' }).optional(),
});

const efi = fields({
  secureBoot: z
    .boolean()
    .meta({
      description:
        "Only what Microsoft's keys have signed is booted; true by default, and needs features.smm",
    })
    .optional(),
  persistent: z
    .boolean()
    .meta({
      description: "The firmware's variables are kept from start to start; fresh at each start by default",
    })
    .optional(),
});

const bootloader = fields({
  bios: bios.meta({ description: 'SeaBIOS, the default on amd64' }).optional(),
  efi: efi.meta({ description: 'UEFI, the default on arm64' }).optional(),
}).superRefine((value, context) => {
  if (value.bios === undefined || value.efi === undefined) return;
  context.addIssue({ code: 'custom', path: ['efi'], message: 'must not be given together with bios' });
});

/** KubeVirt's `Firmware`. */
export const firmware = fields(
  {
    uuid: z
      .guid()
      .meta({ description: "The system's UUID as the guest sees it; the machine's uid by default" })
      .optional(),
    serial: printable
      .max(255)
      .meta({ description: "The system's serial number as the guest sees it" })
      .optional(),
    bootloader: bootloader.meta({ description: 'What the guest is booted by' }).optional(),
    kernelBoot: kernelBoot.meta({ description: 'A kernel that is booted directly' }).optional(),
  },
  {
    acpi: 'licence tables of Windows (SLIC, MSDM) are not handed to guests; a licence can be activated in the guest, or be given by a KMS server',
  },
);
export type Firmware = z.infer<typeof firmware>;
