import { parseQuantity } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';

/** Threads that serve disks beside QEMU's own, which serves all that has none. */
export interface CompiledIoThreads {
  readonly count: number;
  /** The thread of a disk, by its name. */
  readonly disks: Readonly<Record<string, string>>;
}

/** KubeVirt's threads for each CPU requested with the policy auto. */
const THREADS_PER_CPU = 2;

/** A disk that may be served by a thread. Virtio alone can be. */
export interface ThreadedDisk {
  readonly name: string;
  readonly dedicated: boolean;
}

/**
 * As KubeVirt counts: disks with `dedicatedIOThread` get a thread each, all others share one; with `auto` as many as
 * two for each CPU requested leave; with `supplementalPool` all disks take turns with the pool's.
 */
export function compileIoThreads(domain: Domain, disks: readonly ThreadedDisk[]): CompiledIoThreads {
  const { ioThreadsPolicy: policy, ioThreads } = domain;
  if (policy === undefined && !disks.some(({ dedicated }) => dedicated)) return { count: 0, disks: {} };
  if (policy === 'supplementalPool') {
    const count = ioThreads?.supplementalPoolThreadCount ?? 1;
    return {
      count,
      disks: Object.fromEntries(disks.map(({ name }, index) => [name, threadId(index % count)])),
    };
  }
  const dedicated = disks.filter((disk) => disk.dedicated).length;
  const others = disks.length - dedicated;
  const limit = policy === 'auto' ? autoLimit(domain) : 1;
  const shared = dedicated + others > limit ? Math.max(1, limit - dedicated) : others;
  let nextShared = 0;
  let nextDedicated = shared;
  const assigned = disks.map((disk) => [
    disk.name,
    threadId(disk.dedicated ? nextDedicated++ : nextShared++ % shared),
  ]);
  return { count: shared + dedicated, disks: Object.fromEntries(assigned) };
}

/** The thread of the emulator has a CPU of its own, which one thread may share. */
function autoLimit({ cpu, resources }: Domain): number {
  if (cpu?.dedicatedCpuPlacement === true && cpu.isolateEmulatorThread === true) return 1;
  const cpus = parseQuantity(resources?.requests?.cpu ?? resources?.limits?.cpu ?? '1') ?? 1;
  return Math.max(1, Math.ceil(cpus)) * THREADS_PER_CPU;
}

function threadId(index: number): string {
  return `io${index}`;
}

export function ioThreadArguments({ count }: CompiledIoThreads): string[] {
  return Array.from({ length: count }, (_, index) => ['-object', `iothread,id=${threadId(index)}`]).flat();
}
