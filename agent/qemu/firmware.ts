import { access, chmod, chown, copyFile, link, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import type { Architecture } from '../../shared/model/domain/architecture.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { EfiLoader, FirmwareFiles } from '../machine/firmware.ts';
import { variablesFile } from '../machine/firmware.ts';
import type { RunRecord } from '../ports.ts';
import { withStaging } from './folder.ts';
import type { Account } from './launch.ts';

/** Where distributions have them. */
export const FIRMWARE_FOLDER = '/usr/share';

interface Build {
  readonly code: string;
  /** What the variables of a new machine are; with Microsoft's keys where it boots securely. */
  readonly variables: string;
}

/** As Debian, Ubuntu and Fedora call them, in `/usr/share`; the first that is there is taken. */
const BUILDS: Readonly<Record<'secure' | 'plain' | 'arm64', readonly Build[]>> = {
  secure: [
    { code: 'OVMF/OVMF_CODE_4M.secboot.fd', variables: 'OVMF/OVMF_VARS_4M.ms.fd' },
    { code: 'OVMF/OVMF_CODE.secboot.fd', variables: 'OVMF/OVMF_VARS.ms.fd' },
    { code: 'edk2/ovmf/OVMF_CODE.secboot.fd', variables: 'edk2/ovmf/OVMF_VARS.secboot.fd' },
  ],
  plain: [
    { code: 'OVMF/OVMF_CODE_4M.fd', variables: 'OVMF/OVMF_VARS_4M.fd' },
    { code: 'OVMF/OVMF_CODE.fd', variables: 'OVMF/OVMF_VARS.fd' },
    { code: 'edk2/ovmf/OVMF_CODE.fd', variables: 'edk2/ovmf/OVMF_VARS.fd' },
  ],
  arm64: [
    { code: 'AAVMF/AAVMF_CODE.no-secboot.fd', variables: 'AAVMF/AAVMF_VARS.fd' },
    { code: 'AAVMF/AAVMF_CODE.fd', variables: 'AAVMF/AAVMF_VARS.fd' },
    { code: 'edk2/aarch64/QEMU_EFI-pflash.raw', variables: 'edk2/aarch64/vars-template-pflash.raw' },
  ],
};

/**
 * The firmware of a machine that boots by UEFI, with its variables in the machine's folder: made once and then kept,
 * or made anew. Kept ones that the last run had and that are gone are never made again: the guest would find its
 * boot entries and keys reset.
 * @throws EffectError FirmwareMissing, VariablesMissing
 */
export async function prepareFirmware(
  folder: string,
  { firmware, architecture }: CompiledMachine,
  account: Account | undefined,
  before: RunRecord | undefined,
  firmwareFolder = FIRMWARE_FOLDER,
): Promise<FirmwareFiles | undefined> {
  const { loader } = firmware;
  if (loader.kind === 'bios') return undefined;
  const variables = variablesFile(loader);
  const path = join(folder, variables);
  const size = loader.persistent ? await sizeOf(path) : undefined;
  const build = await findBuild(loader, architecture, size, firmwareFolder);
  if (size === undefined) {
    if (loader.persistent && before?.command.some((word) => word.includes(`=${variables}`)) === true) {
      const message = `the firmware's variables were there at the last start and are gone: put ${path} back`;
      throw new EffectError('VariablesMissing', path, message);
    }
    await makeVariables(folder, build.variables, loader, path);
  }
  // Also where an earlier agent ran QEMU as someone else.
  if (account !== undefined) await chown(path, account.uid, account.gid);
  return { code: build.code, variables };
}

/** Undefined where there is no such file, and only there. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    const message = `can't tell whether ${path} is there: ${messageOf(error)}`;
    throw new EffectError('VariablesMissing', path, message, error);
  }
}

/** Variables that are kept need the code that they were made with, which their size tells. */
async function findBuild(
  loader: EfiLoader,
  architecture: Architecture,
  size: number | undefined,
  firmwareFolder: string,
): Promise<Build> {
  const builds = BUILDS[architecture === 'arm64' ? 'arm64' : loader.secureBoot ? 'secure' : 'plain'];
  for (const { code, variables } of builds) {
    const build = { code: join(firmwareFolder, code), variables: join(firmwareFolder, variables) };
    if (!(await isThere(build.code)) || !(await isThere(build.variables))) continue;
    if (size === undefined || (await stat(build.variables)).size === size) return build;
  }
  const what = loader.secureBoot ? 'UEFI firmware for secure boot' : 'UEFI firmware';
  const which = size === undefined ? '' : ` whose variables have ${size} bytes, as this machine's have`;
  const names = architecture === 'arm64' ? 'qemu-efi-aarch64' : 'ovmf';
  const looked = builds.map(({ code }) => join(firmwareFolder, code)).join(', ');
  const message = `there is no ${what}${which} on this box: install the package ${names} (looked for ${looked})`;
  throw new EffectError('FirmwareMissing', builds[0]?.code ?? '', message);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Put in place whole: whatever cuts this off leaves no variables, rather than half of them. */
async function makeVariables(
  folder: string,
  template: string,
  { persistent }: EfiLoader,
  place: string,
): Promise<void> {
  await withStaging(folder, async (staging) => {
    const path = join(staging, 'variables');
    await copyFile(template, path);
    await chmod(path, 0o600);
    await syncPath(path);
    // A link, unlike a rename, overwrites nothing, whatever was seen.
    await (persistent ? link : rename)(path, place);
    await syncPath(folder);
  });
}
