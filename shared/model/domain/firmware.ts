import { z } from 'zod';
import { parseImageReference } from '../../base/image-reference.ts';
import { fields, notYet, printable } from '../schema.ts';
import { imagePullPolicy, imagePullSecret, pathInImage } from '../volume/container-disk.ts';

/** KubeVirt's `KernelBoot`: a kernel that is booted directly, from a container image. */
const kernelBoot = fields({
  kernelArgs: printable.max(2047).optional(),
  container: fields({
    image: printable
      .refine(
        (image) => /^file:\/\/\/[^?#]*$/.test(image) || parseImageReference(image) !== undefined,
        'must be an image of a registry, such as registry.example:5000/kernels/debian:12, or file:///FOLDER on the box',
      )
      .meta({ description: 'the container image that has the kernel, or file:///FOLDER on the box' }),
    imagePullPolicy: imagePullPolicy.optional(),
    imagePullSecret: imagePullSecret.optional(),
    kernelPath: pathInImage.meta({ description: "the kernel's file in the image" }),
    initrdPath: pathInImage.meta({ description: "the initial ramdisk's file in the image" }).optional(),
  }),
});

/** KubeVirt's `Firmware`. */
export const firmware = fields(
  {
    uuid: z.guid().optional(),
    serial: printable.max(255).optional(),
    bootloader: fields({ bios: fields({}, notYet('useSerial')).optional() }, notYet('efi')).optional(),
    kernelBoot: kernelBoot.optional(),
  },
  notYet('acpi'),
);
export type Firmware = z.infer<typeof firmware>;
