import { parseQuantity } from '../../shared/base/quantity.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { CpuTopology } from './cpu.ts';
import { cpuCount } from './cpu.ts';

/** How much of the box's CPUs a machine's process gets. */
export interface CpuLimits {
  /** Its share beside others where all want more than there is: 100 for one CPU (cgroup v2's `cpu.weight`). */
  readonly weight: number;
  /** The most that it may use, in CPUs; no bound where the manifest gives none: its vCPUs are one. */
  readonly cores?: number;
}

/** What QEMU needs beside the guest's CPUs: its monitor and the threads of its disks. */
const OVERHEAD_CORES = 0.5;
const WEIGHTS = { least: 1, most: 10_000 } as const;

/** As for a container: the request decides the share, the limit, with QEMU's overhead, the most. */
export function compileCpuLimits({ resources }: Domain, cpu: CpuTopology): CpuLimits {
  const requested = parseQuantity(resources?.requests?.cpu ?? '') ?? cpuCount(cpu);
  const weight = Math.min(Math.max(Math.round(requested * 100), WEIGHTS.least), WEIGHTS.most);
  const limit = resources?.limits?.cpu === undefined ? undefined : parseQuantity(resources.limits.cpu);
  return limit === undefined ? { weight } : { weight, cores: limit + OVERHEAD_CORES };
}
