import { parseQuantity } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { CompiledDisk } from './disk.ts';

/** Threads that serve disks beside QEMU's own, which serves all that have none. */
export interface IoThreads {
  /** How many there are beside those that serve one disk only. */
  readonly threads: number;
  readonly disks: readonly CompiledDisk[];
}

/** KubeVirt's threads for each CPU requested with the policy auto. */
const THREADS_PER_CPU = 2;

/**
 * Gives virtio disks their threads, as KubeVirt counts them: disks with `dedicatedIOThread` have one each already,
 * all others share one; with `auto` they share what these leave of two for each CPU requested; with
 * `supplementalPool` all disks take turns with the pool's.
 */
export function assignIoThreads(domain: Domain, disks: readonly CompiledDisk[]): IoThreads {
  const { ioThreadsPolicy: policy, ioThreads } = domain;
  const virtio = disks.filter(({ bus }) => bus === 'virtio');
  const dedicated = virtio.filter(({ ioThread }) => ioThread !== undefined).length;
  if (policy === undefined && dedicated === 0) return { threads: 0, disks };
  const isPool = policy === 'supplementalPool';
  const others = virtio.length - dedicated;
  const limit = policy === 'auto' ? autoLimit(domain) : 1;
  const threads = isPool
    ? (ioThreads?.supplementalPoolThreadCount ?? 1)
    : Math.min(others, Math.max(1, limit - dedicated));
  let next = 0;
  const assign = (disk: CompiledDisk): CompiledDisk => {
    if (disk.bus !== 'virtio' || (disk.ioThread !== undefined && !isPool)) return disk;
    return { ...disk, ioThread: threadId(next++ % threads) };
  };
  return { threads, disks: disks.map(assign) };
}

/** The thread of the emulator has a CPU of its own, which one thread may share. */
function autoLimit({ cpu, resources }: Domain): number {
  if (cpu?.dedicatedCpuPlacement === true && cpu.isolateEmulatorThread === true) return 1;
  const cpus = parseQuantity(resources?.requests?.cpu ?? resources?.limits?.cpu ?? '1') ?? 1;
  return Math.max(1, Math.ceil(cpus)) * THREADS_PER_CPU;
}

function threadId(index: number): string {
  return `iothread${index}`;
}

export function ioThreadArguments(threads: number): string[] {
  return Array.from({ length: threads }, (_, index) => ['-object', `iothread,id=${threadId(index)}`]).flat();
}
