import { quantityBytes } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Accelerator } from '../ports.ts';
import type { CompiledMachine } from './compile.ts';
import { cpuCount } from './cpu.ts';

const MIB = 2 ** 20;

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
 * measured), 2 MiB a CPU, 1/256 of the guest's memory for page tables, 16 MiB for a screen, under TCG 128 MiB for
 * translated code (92 MiB measured once Linux has booted), and what the manifest says that it needs beyond that.
 */
export function claimBytes(
  { memoryBytes, memory, cpu, devices, claim }: CompiledMachine,
  accelerator: Accelerator,
): number {
  if (!claim.withOverhead) return claim.guestBytes;
  const screen = devices.video === undefined ? 0 : 16;
  const fixed = 64 + 2 * cpuCount(cpu) + screen + (accelerator === 'tcg' ? 128 : 0);
  return claim.guestBytes + Math.ceil(memoryBytes / 256) + fixed * MIB + memory.addedOverheadBytes;
}
