import type { References } from '../../shared/model/machine.ts';
import type { ContainerImage, ImageSource } from './image-source.ts';
import { compileContainerImage } from './image-source.ts';
import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import { EFI_VARIABLES_FILE, SCRATCH_EFI_VARIABLES_FILE } from './files.ts';
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

/** UEFI, and what becomes of its variables: kept, or made anew at each start. */
export interface EfiLoader {
  readonly kind: 'efi';
  readonly secureBoot: boolean;
  readonly persistent: boolean;
}

export interface BiosLoader {
  readonly kind: 'bios';
  /** Whether it writes to the serial console too. */
  readonly useSerial: boolean;
}

export interface CompiledFirmware {
  /** The system's UUID, as the guest sees it. */
  readonly uuid: string;
  readonly serial?: string;
  readonly loader: BiosLoader | EfiLoader;
  readonly kernelBoot?: KernelBoot;
}

/** Files of the firmware on the box: its code, and the variables' in the machine's folder. */
export interface FirmwareFiles {
  readonly code: string;
  readonly variables: string;
}

export function compileFirmware(
  uid: string,
  { firmware }: Domain,
  architecture: Architecture,
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
    loader: compileLoader(firmware?.bootloader, architecture),
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

/** As in KubeVirt: a BIOS on amd64 and UEFI on arm64; UEFI boots securely on amd64 unless told otherwise. */
function compileLoader(
  bootloader: NonNullable<Domain['firmware']>['bootloader'],
  architecture: Architecture,
): BiosLoader | EfiLoader {
  const { bios, efi } = bootloader ?? {};
  if (efi === undefined && architecture === 'amd64')
    return { kind: 'bios', useSerial: bios?.useSerial === true };
  const secureBoot = efi?.secureBoot ?? architecture === 'amd64';
  return { kind: 'efi', secureBoot, persistent: efi?.persistent === true };
}

/** The file in the machine's folder that a UEFI's variables are in. */
export function variablesFile({ persistent }: EfiLoader): string {
  return persistent ? EFI_VARIABLES_FILE : SCRATCH_EFI_VARIABLES_FILE;
}

/** The firmware as flash; `machineArguments` puts it in its place. */
export function firmwareArguments({ loader }: CompiledFirmware, files: FirmwareFiles | undefined): string[] {
  if (loader.kind === 'bios' || files === undefined) return [];
  const node = (name: string, filename: string, readonly: boolean) => [
    '-blockdev',
    formatOptions(undefined, {
      driver: 'raw',
      'node-name': name,
      'read-only': readonly,
      'file.driver': 'file',
      'file.filename': filename,
    }),
  ];
  return [
    ...node('efi-code', files.code, true),
    ...node('efi-variables', files.variables, false),
    ...(loader.secureBoot ? SECURE : []),
  ];
}

/** Only code in system management mode writes the variables; waking from S3 would be a way around it. */
const SECURE = [
  '-global',
  'driver=cfi.pflash01,property=secure,value=on',
  '-global',
  'ICH9-LPC.disable_s3=1',
];

/** `kernel` has the real paths of what `firmware.kernelBoot` names. */
export function kernelArguments(
  { kernelBoot }: CompiledFirmware,
  kernel: { readonly kernel: string; readonly initrd?: string } | undefined,
): string[] {
  if (kernel === undefined) return [];
  return [
    '-kernel',
    kernel.kernel,
    ...(kernel.initrd === undefined ? [] : ['-initrd', kernel.initrd]),
    ...(kernelBoot?.args === undefined ? [] : ['-append', kernelBoot.args]),
  ];
}
