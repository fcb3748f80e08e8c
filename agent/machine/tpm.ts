import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { Devices } from '../../shared/model/domain/devices.ts';
import { SCRATCH_TPM_FOLDER, TPM_FOLDER, socketFiles } from './files.ts';
import { formatOptions } from './options.ts';

/** A TPM 2.0, and what becomes of what it keeps: kept, or a new TPM at each start. */
export interface CompiledTpm {
  readonly persistent: boolean;
}

export function compileTpm({ tpm }: Devices): CompiledTpm | undefined {
  return tpm === undefined || tpm.enabled === false ? undefined : { persistent: tpm.persistent === true };
}

/** The folder in the machine's folder that a TPM's state is in. */
export function tpmFolder({ persistent }: CompiledTpm): string {
  return persistent ? TPM_FOLDER : SCRATCH_TPM_FOLDER;
}

/** The interfaces that KubeVirt gives a TPM that is kept, and one that isn't; arm64 has one for both. */
export function tpmArguments(
  tpm: CompiledTpm | undefined,
  run: number,
  architecture: Architecture,
): string[] {
  if (tpm === undefined) return [];
  const model = architecture === 'arm64' ? 'tpm-tis-device' : tpm.persistent ? 'tpm-crb' : 'tpm-tis';
  return [
    '-chardev',
    formatOptions('socket', { id: 'tpm-socket', path: socketFiles(run).tpm }),
    '-tpmdev',
    backend(tpm),
    '-device',
    `${model},tpmdev=${backendId(tpm)}`,
  ];
}

/** Whether a command was that of a machine with a TPM that is kept. */
export function hadKeptTpm(command: readonly string[]): boolean {
  return command.includes(backend({ persistent: true }));
}

function backendId({ persistent }: CompiledTpm): string {
  return persistent ? 'kept-tpm' : 'scratch-tpm';
}

function backend(tpm: CompiledTpm): string {
  return formatOptions('emulator', { id: backendId(tpm), chardev: 'tpm-socket' });
}
