import type { References } from '../../shared/model/machine.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { ContainerImage, ImageSource } from './image-source.ts';
import { compileContainerImage } from './image-source.ts';
import { formatOptions } from './options.ts';

export interface KernelBoot {
  /** A folder on the box, from `file:///FOLDER`. */
  readonly folder?: string;
  /** A container image, where there is no folder; its files are the kernel and, where there is one, the initrd. */
  readonly source?: ImageSource;
  /** Inside the folder or the image. */
  readonly kernelPath: string;
  readonly initrdPath?: string;
  readonly args?: string;
}

export interface CompiledFirmware {
  /** The system's UUID, as the guest sees it. */
  readonly uuid: string;
  readonly serial?: string;
  readonly kernelBoot?: KernelBoot;
}

export function compileFirmware(
  uid: string,
  { firmware }: Domain,
  references: References | undefined,
): CompiledFirmware {
  const serial = firmware?.serial;
  const boot = firmware?.kernelBoot;
  const kernelBoot = boot && {
    ...compileKernelPlace(boot.container, references),
    kernelPath: boot.container.kernelPath,
    ...(boot.container.initrdPath === undefined ? {} : { initrdPath: boot.container.initrdPath }),
    ...(boot.kernelArgs === undefined ? {} : { args: boot.kernelArgs }),
  };
  return {
    uuid: firmware?.uuid?.toLowerCase() ?? uid,
    ...(serial === undefined ? {} : { serial }),
    ...(kernelBoot === undefined ? {} : { kernelBoot }),
  };
}

const LOCAL = 'file://';

function compileKernelPlace(
  container: ContainerImage & { readonly kernelPath: string; readonly initrdPath?: string | undefined },
  references: References | undefined,
): Pick<KernelBoot, 'folder' | 'source'> {
  const { image, kernelPath, initrdPath } = container;
  if (image.startsWith(LOCAL)) return { folder: image.slice(LOCAL.length) };
  const files = initrdPath === undefined ? [kernelPath] : [kernelPath, initrdPath];
  return { source: { ...compileContainerImage(container, references), files } };
}

/** `kernel` has the real paths of what `firmware.kernelBoot` names. */
export function firmwareArguments(
  { uuid, serial, kernelBoot }: CompiledFirmware,
  kernel: { readonly kernel: string; readonly initrd?: string } | undefined,
): string[] {
  return [
    '-uuid',
    uuid,
    ...(serial === undefined ? [] : ['-smbios', formatOptions(undefined, { type: 1, serial })]),
    ...(kernel === undefined ? [] : ['-kernel', kernel.kernel]),
    ...(kernel?.initrd === undefined ? [] : ['-initrd', kernel.initrd]),
    ...(kernel === undefined || kernelBoot?.args === undefined ? [] : ['-append', kernelBoot.args]),
  ];
}
