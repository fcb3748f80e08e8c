import type { Domain } from '../../shared/model/domain/domain.ts';
import { formatOptions } from './options.ts';

export interface KernelBoot {
  /** A folder on the box, from `file:///FOLDER`. */
  readonly folder: string;
  /** Inside that folder. */
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

export function compileFirmware(uid: string, { firmware }: Domain): CompiledFirmware {
  const serial = firmware?.serial;
  const boot = firmware?.kernelBoot;
  const kernelBoot = boot && {
    folder: boot.container.image.slice('file://'.length),
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
