import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../../shared/ports.ts';
import type { Accelerator } from '../ports.ts';
import { BOOT_SECTOR_EXIT_CODE, BOOT_SECTOR_PORT, bootSector } from './boot-sector.ts';

export interface BootTrialOptions {
  readonly qemu: string;
  readonly accelerator: Accelerator;
  readonly cpu: string;
  /** Where the boot sector is put meanwhile. */
  readonly imagePath: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
}

export type BootTrial =
  /** 64-bit code ran, and came to the right result. */
  | { readonly outcome: 'ran' }
  /** QEMU lived on, and the code was not done. */
  | { readonly outcome: 'deadline' }
  /** QEMU ended otherwise; `detail` is what it said. */
  | { readonly outcome: 'failed'; readonly detail: string };

/** After the deadline, for `timeout` to end QEMU. One that the kernel holds can't be ended, nor waited for. */
const GRACE_MS = 3_000;

/**
 * Boots the boot sector once. QEMU is a child of `timeout`, so that it ends by the deadline even where the
 * agent is killed meanwhile.
 */
export async function tryBoot(options: BootTrialOptions): Promise<BootTrial> {
  const { imagePath, deadlineMs, clock } = options;
  await writeFile(imagePath, bootSector());
  const { promise, resolve } = Promise.withResolvers<BootTrial>();
  // A QEMU that gives up on its KVM aborts, which is no reason to fill the disk with its memory.
  const limits = ['--core=0', 'timeout', '-k', '1', String(deadlineMs / 1000)];
  const child = execFile(
    'prlimit',
    [...limits, options.qemu, ...qemuArguments(options)],
    (error, _stdout, stderr) => {
      resolve(judge(error?.code ?? error?.signal ?? 0, stderr));
    },
  );
  const stopWaiting = clock.after(deadlineMs + GRACE_MS, () => {
    child.kill('SIGKILL');
    resolve({ outcome: 'deadline' });
  });
  try {
    return await promise;
  } finally {
    stopWaiting();
    await rm(imagePath, { force: true });
  }
}

function qemuArguments({ accelerator, cpu, imagePath }: BootTrialOptions): string[] {
  // `pc`, not q35: the BIOS finds no sector on an AHCI disk that has only one.
  const machine = ['-machine', 'pc', '-accel', accelerator, '-cpu', cpu, '-m', '16'];
  // A reset, which is how a triple fault ends, is an end.
  const bare = ['-nodefaults', '-display', 'none', '-no-reboot'];
  const exit = ['-device', `isa-debug-exit,iobase=${BOOT_SECTOR_PORT},iosize=1`];
  const disk = ['-drive', `file=${imagePath.replaceAll(',', ',,')},format=raw,if=ide`];
  return [...machine, ...bare, ...exit, ...disk];
}

/** `status` is an exit code (124 and 137 are `timeout`'s own), a signal's name or an error's code. */
function judge(status: number | string, stderr: string): BootTrial {
  if (status === BOOT_SECTOR_EXIT_CODE) return { outcome: 'ran' };
  if (status === 124 || status === 137) return { outcome: 'deadline' };
  const words = stderr.trim().split('\n')[0] ?? '';
  return { outcome: 'failed', detail: `QEMU ended with ${status}${words === '' ? '' : `: ${words}`}` };
}
