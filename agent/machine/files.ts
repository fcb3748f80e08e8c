/**
 * The files of a machine's folder, relative to it. QEMU runs with the folder as its working directory, so that
 * no path outgrows what a socket's address holds, however deep the data directory is.
 */

export const SEED_FILE = 'seed.iso';
/** A UEFI's variables: kept, or made anew at each start. */
export const EFI_VARIABLES_FILE = 'efi-variables.fd';
export const SCRATCH_EFI_VARIABLES_FILE = 'scratch-efi-variables.fd';
/** What a TPM keeps: for good, or until the next start. */
export const TPM_FOLDER = 'tpm';
export const SCRATCH_TPM_FOLDER = 'scratch-tpm';
export const CONSOLE_LOG = 'console.log';
/** By when how much of it had been written. */
export const CONSOLE_TIMES = 'console.times';
/** The only part of the folder that QEMU may make files in. */
export const SOCKET_FOLDER = 'sockets';

/** A disk that is kept goes by its data volume, so that another one under the same volume is another disk. */
export function keptDiskFile(dataVolume: string): string {
  return `disk-${dataVolume}.qcow2`;
}

/** A disk that is made anew at each start has a name that no kept one can have. */
export function scratchDiskFile(volume: string): string {
  return `scratch-${volume}.qcow2`;
}

/** An image of files that is not cloud-init's seed. */
export function seedFile(volume: string): string {
  return `seed-${volume}.iso`;
}

/** A file in the folder of another machine. */
export function machineFile(uid: string, file: string): string {
  return `../${uid}/${file}`;
}

/** A picture of a run's display, until it has been read. */
export function screenshotFile(run: number): string {
  return `${SOCKET_FOLDER}/screen-${run}.png`;
}

/** A run has sockets of its own: what is sent to one run late never reaches the next. */
export function socketFiles(run: number) {
  return {
    qmp: `${SOCKET_FOLDER}/qmp-${run}.sock`,
    serial: `${SOCKET_FOLDER}/serial-${run}.sock`,
    guestAgent: `${SOCKET_FOLDER}/guest-agent-${run}.sock`,
    vnc: `${SOCKET_FOLDER}/vnc-${run}.sock`,
    tpm: `${SOCKET_FOLDER}/tpm-${run}.sock`,
  };
}
