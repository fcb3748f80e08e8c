import { parseQuantity } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Accelerator } from '../ports.ts';
import { formatOptions } from './options.ts';

export interface CpuTopology {
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/**
 * As KubeVirt counts (`getCPUTopology`): what `cpu` says; where it says nothing, as many sockets as the CPU limit,
 * or else the request, rounded up; one otherwise.
 */
export function compileCpu({ cpu, resources }: Domain): CpuTopology {
  const { sockets, cores, threads } = cpu ?? {};
  if (sockets === undefined && cores === undefined && threads === undefined) {
    const wanted = parseQuantity(resources?.limits?.cpu ?? resources?.requests?.cpu ?? '1') ?? 1;
    return { sockets: Math.max(1, Math.ceil(wanted)), cores: 1, threads: 1 };
  }
  return { sockets: sockets ?? 1, cores: cores ?? 1, threads: threads ?? 1 };
}

export function cpuCount({ sockets, cores, threads }: CpuTopology): number {
  return sockets * cores * threads;
}

/** The host's own CPU under KVM; under TCG the most capable one that QEMU can act. */
export function cpuArguments(cpu: CpuTopology, accelerator: Accelerator): string[] {
  return [
    '-cpu',
    accelerator === 'kvm' ? 'host' : 'max',
    '-smp',
    formatOptions(String(cpuCount(cpu)), { sockets: cpu.sockets, cores: cpu.cores, threads: cpu.threads }),
  ];
}
