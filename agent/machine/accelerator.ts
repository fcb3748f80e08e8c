import type { Accelerator } from '../ports.ts';
import type { CompiledCpu } from './cpu.ts';
import { formatOptions } from './options.ts';

/** The buffer for translated code, MiB: QEMU's default is 1 GiB, more than many a guest here has of memory. */
export const TCG_BUFFER_MIB = 256;

/**
 * What runs the guest's instructions. Emulated CPUs have a thread each only where no more of them can come: QEMU gives
 * the thread of a new one its part of the buffer at once, and aborts where the others have all of it just then.
 */
export function acceleratorArguments(accelerator: Accelerator, cpu: CompiledCpu): string[] {
  if (accelerator === 'kvm') return ['-accel', 'kvm'];
  const thread = cpu.maxSockets > cpu.sockets ? 'single' : 'multi';
  return ['-accel', formatOptions('tcg', { thread, 'tb-size': TCG_BUFFER_MIB })];
}
