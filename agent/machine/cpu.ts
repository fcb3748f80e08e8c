import { parseQuantity } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Accelerator } from '../ports.ts';
import { formatOptions } from './options.ts';

export interface CpuTopology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

export interface CompiledCpu extends CpuTopology {
  /** Up to how many sockets can be added while the machine runs; at least `sockets`. */
  readonly maxSockets: number;
}

/** KubeVirt's `maxHotplugRatio`. */
export const HOTPLUG_RATIO = 4;
/** More would need interrupt remapping, which a guest's operating system has to know. */
const MOST_CPUS = 255;

/**
 * As KubeVirt counts (`getCPUTopology`): what `cpu` says; where it says nothing, as many sockets as the CPU limit,
 * or else the request, rounded up; one otherwise.
 */
function compileTopology({ cpu, resources }: Domain): CpuTopology {
  const { sockets, cores, threads } = cpu ?? {};
  if (sockets === undefined && cores === undefined && threads === undefined) {
    const wanted = parseQuantity(resources?.limits?.cpu ?? resources?.requests?.cpu ?? '1') ?? 1;
    return { sockets: Math.max(1, Math.ceil(wanted)), cores: 1, threads: 1 };
  }
  return { sockets: sockets ?? 1, cores: cores ?? 1, threads: threads ?? 1 };
}

export function compileCpu(domain: Domain): CompiledCpu {
  const topology = compileTopology(domain);
  return { ...topology, maxSockets: domain.cpu?.maxSockets ?? defaultMaxSockets(topology) };
}

/** As KubeVirt's, within what a machine may have at all. */
function defaultMaxSockets({ sockets, cores, threads }: CpuTopology): number {
  const most = Math.floor(MOST_CPUS / (cores * threads));
  return Math.max(sockets, Math.min(sockets * HOTPLUG_RATIO, most));
}

export function cpuCount({ sockets, cores, threads }: CpuTopology): number {
  return sockets * cores * threads;
}

/** The host's own CPU under KVM; under TCG the most capable one that QEMU can act. */
export function cpuArguments(cpu: CompiledCpu, accelerator: Accelerator): string[] {
  const { cores, threads, maxSockets: sockets } = cpu;
  const maxcpus = sockets * cores * threads;
  return [
    '-cpu',
    accelerator === 'kvm' ? 'host' : 'max',
    '-smp',
    formatOptions(String(cpuCount(cpu)), { maxcpus, sockets, cores, threads }),
  ];
}
