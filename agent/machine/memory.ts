import { assert } from '../../shared/base/assert.ts';
import { quantityBytes } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Accelerator } from '../ports.ts';
import type { CpuTopology } from './cpu.ts';
import { cpuCount } from './cpu.ts';

const MIB = 2 ** 20;

/** The buffer for translated code, MiB: QEMU's default is 1 GiB, more than many a guest here has of memory. */
export const TCG_BUFFER_MIB = 256;

/** What the guest gets: `memory.guest`, or else the memory requested, or else the limit; whole MiB. */
export function compileMemory({ memory, resources }: Domain): number {
  const wanted = memory?.guest ?? resources?.requests?.memory ?? resources?.limits?.memory;
  assert(wanted !== undefined, 'the schema asks for a memory size');
  return Math.ceil(quantityBytes(wanted) / MIB) * MIB;
}

export function memoryArguments(memoryBytes: number): string[] {
  return ['-m', `${memoryBytes / MIB}M`];
}

/**
 * The most that a machine's QEMU may use, in bytes: a bound against leaks, wide enough never to end a sound
 * machine. Beside the guest's memory: 192 MiB for QEMU itself (code and heap, display, caches of disk tables,
 * network buffers; 43 MiB measured), 1/32 of the guest's memory for page tables and dirty bitmaps, 8 MiB a CPU for
 * its thread, and under TCG the buffer of translated code with as much again for its bookkeeping (92 MiB measured
 * of both together once Linux has booted).
 */
export function memoryLimitBytes(memoryBytes: number, cpu: CpuTopology, accelerator: Accelerator): number {
  const translation = accelerator === 'tcg' ? 2 * TCG_BUFFER_MIB * MIB : 0;
  return memoryBytes + Math.ceil(memoryBytes / 32) + (192 + 8 * cpuCount(cpu)) * MIB + translation;
}
