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

/** What a machine takes of its box's memory. */
export interface MemoryClaim {
  /** What is counted of the guest's memory: less than all of it where the manifest requests less. */
  readonly guestBytes: number;
  /** Whether QEMU's own is counted too (`overcommitGuestOverhead` says not). */
  readonly withOverhead: boolean;
}

/** As Kubernetes schedules: by the memory requested, where a manifest says that; otherwise by the guest's. */
export function compileClaim({ memory, resources }: Domain, memoryBytes: number): MemoryClaim {
  const requested = memory?.guest === undefined ? undefined : resources?.requests?.memory;
  return {
    guestBytes: requested === undefined ? memoryBytes : Math.min(quantityBytes(requested), memoryBytes),
    withOverhead: resources?.overcommitGuestOverhead !== true,
  };
}

/**
 * What a machine's QEMU takes in bytes, honestly estimated: its guest's memory, and for QEMU itself 64 MiB (43 MiB
 * measured), 2 MiB a CPU, 1/256 of the guest's memory for page tables, 16 MiB for a screen, and under TCG 128 MiB for
 * translated code (92 MiB measured once Linux has booted).
 */
export function claimBytes(
  { memoryBytes, cpu, graphics, claim }: ClaimingMachine,
  accelerator: Accelerator,
): number {
  if (!claim.withOverhead) return claim.guestBytes;
  const fixed = 64 + 2 * cpuCount(cpu) + (graphics ? 16 : 0) + (accelerator === 'tcg' ? 128 : 0);
  return claim.guestBytes + Math.ceil(memoryBytes / 256) + fixed * MIB;
}

interface ClaimingMachine {
  readonly memoryBytes: number;
  readonly cpu: CpuTopology;
  readonly graphics: boolean;
  readonly claim: MemoryClaim;
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
