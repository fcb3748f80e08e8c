import { assert } from '../../shared/base/assert.ts';
import { quantityBytes } from '../../shared/base/quantity.ts';
import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Accelerator } from '../ports.ts';
import { TCG_BUFFER_MIB } from './accelerator.ts';
import type { CpuTopology } from './cpu.ts';
import { HOTPLUG_RATIO, cpuCount } from './cpu.ts';
import { formatOptions } from './options.ts';

const MIB = 2 ** 20;

/** What the guest gets: `memory.guest`, or else the memory requested, the limit, or one huge page; whole MiB. */
export function compileMemory({ memory, resources }: Domain): number {
  const wanted =
    memory?.guest ?? resources?.requests?.memory ?? resources?.limits?.memory ?? memory?.hugepages?.pageSize;
  assert(wanted !== undefined, 'the schema asks for a memory size');
  return Math.ceil(quantityBytes(wanted) / MIB) * MIB;
}

/** What memory is added and taken in, and what a size must be a multiple of for that: that of a transparent huge page. */
export const BLOCK_BYTES = 2 * MIB;
/**
 * KubeVirt's bound. A guest that can be given memory above 4 GiB sets 64 MiB aside at its boot to copy through
 * (Linux: swiotlb): of a small one that is too much.
 */
const LEAST_GROWING_BYTES = 1024 * MIB;

/**
 * What the guest can be given at most while it runs (`memory.maxGuest`); what it has where that can't be changed: on
 * arm64, and where its memory is huge pages, locked, or of one NUMA node of the box.
 */
export function compileMaxMemory(domain: Domain, architecture: Architecture): number {
  const bytes = compileMemory(domain);
  const { maxGuest, hugepages, reservedOverhead } = domain.memory ?? {};
  const isBound = reservedOverhead?.memLock === 'Required' || domain.cpu?.numa !== undefined;
  if (architecture !== 'amd64' || hugepages !== undefined || isBound) return bytes;
  if (bytes % BLOCK_BYTES !== 0 || (maxGuest === undefined && bytes < LEAST_GROWING_BYTES)) return bytes;
  const most = maxGuest === undefined ? bytes * HOTPLUG_RATIO : quantityBytes(maxGuest);
  return Math.max(bytes, Math.floor(most / BLOCK_BYTES) * BLOCK_BYTES);
}

/** How the guest's memory is had of the box. */
export interface CompiledMemory {
  /** Pages of this size, which the box has set aside; its ordinary ones where there is none. */
  readonly hugepageBytes?: number;
  /** Never swapped out. */
  readonly locked: boolean;
  /** What QEMU may use beyond the usual. */
  readonly addedOverheadBytes: number;
}

export function compileMemoryBacking({ memory }: Domain): CompiledMemory {
  const { hugepages, reservedOverhead } = memory ?? {};
  const added = reservedOverhead?.addedOverhead;
  return {
    ...(hugepages === undefined ? {} : { hugepageBytes: quantityBytes(hugepages.pageSize) }),
    locked: reservedOverhead?.memLock === 'Required',
    addedOverheadBytes: added === undefined ? 0 : quantityBytes(added),
  };
}

/** QEMU's name for memory that is not had in the ordinary way. */
export const MEMORY_BACKEND = 'memory';

/** `node` is the one NUMA node of the box that all of the memory is to be of, where there is one. */
export function memoryArguments(
  {
    memoryBytes,
    maxMemoryBytes,
    memory: { hugepageBytes, locked },
  }: {
    readonly memoryBytes: number;
    readonly maxMemoryBytes: number;
    readonly memory: CompiledMemory;
  },
  node: number | undefined,
): string[] {
  const size = `${memoryBytes / MIB}M`;
  const backend = {
    id: MEMORY_BACKEND,
    size,
    hugetlb: true,
    hugetlbsize: `${(hugepageBytes ?? 0) / MIB}M`,
    // A page that is missing is found out about now, and does not end the guest in the middle.
    prealloc: true,
    ...(node === undefined ? {} : { 'host-nodes': node, policy: 'bind' }),
  };
  return [
    '-m',
    formatOptions(size, { maxmem: maxMemoryBytes > memoryBytes ? `${maxMemoryBytes / MIB}M` : undefined }),
    ...(hugepageBytes === undefined ? [] : ['-object', formatOptions('memory-backend-memfd', backend)]),
    ...(locked ? ['-overcommit', 'mem-lock=on'] : []),
  ];
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
