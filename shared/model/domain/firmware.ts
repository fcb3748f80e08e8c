import { z } from 'zod';
import { fields, notYet, printable } from '../schema.ts';

/** KubeVirt's `KernelBoot`: a kernel that is booted directly, from a container image. */
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
    notYet('imagePullPolicy', 'imagePullSecret'),
  ),
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
