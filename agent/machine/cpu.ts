import { parseQuantity } from '../../shared/base/quantity.ts';
import type { Architecture } from '../../shared/model/domain/architecture.ts';
import { MOST_CPUS } from '../../shared/model/domain/cpu.ts';
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
  /** A model of QEMU's; the box's own where there is none. */
  readonly model?: string;
  readonly features: readonly { readonly name: string; readonly policy: FeaturePolicy }[];
  /** CPUs of the box that no other machine has: how many, and how they are chosen. */
  readonly dedicated?: { readonly count: number; readonly emulator: boolean; readonly oneNode: boolean };
}

type FeaturePolicy = 'force' | 'require' | 'optional' | 'disable';

/** KubeVirt's `maxHotplugRatio`. */
export const HOTPLUG_RATIO = 4;

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

export function compileCpu(domain: Domain, architecture: Architecture): CompiledCpu {
  const { cpu } = domain;
  const topology = compileTopology(domain);
  const model = cpu?.model === 'host-model' || cpu?.model === 'host-passthrough' ? undefined : cpu?.model;
  const isDedicated = cpu?.dedicatedCpuPlacement === true;
  const emulator = cpu?.isolateEmulatorThread === true;
  const dedicated = {
    count: cpuCount(topology) + (emulator ? 1 : 0),
    emulator,
    oneNode: cpu?.numa?.guestMappingPassthrough !== undefined,
  };
  // CPUs of one's own can't be had more of while the machine runs.
  const canGrow = architecture === 'amd64' && !isDedicated;
  return {
    ...topology,
    maxSockets: cpu?.maxSockets ?? (canGrow ? defaultMaxSockets(topology) : topology.sockets),
    ...(model === undefined ? {} : { model }),
    features: (cpu?.features ?? []).map(({ name, policy = 'require' }) => ({ name, policy })),
    ...(isDedicated ? { dedicated } : {}),
  };
}

/** As KubeVirt's, within what a machine may have at all. */
function defaultMaxSockets({ sockets, cores, threads }: CpuTopology): number {
  const most = Math.floor(MOST_CPUS / (cores * threads));
  return Math.max(sockets, Math.min(sockets * HOTPLUG_RATIO, most));
}

export function cpuCount({ sockets, cores, threads }: CpuTopology): number {
  return sockets * cores * threads;
}

/** `flags` are those of the hypervisor's that only KVM has. */
export function cpuArguments(
  cpu: CompiledCpu,
  accelerator: Accelerator,
  architecture: Architecture,
  flags: Readonly<Record<string, string | number | boolean>>,
): string[] {
  const { cores, threads, maxSockets: sockets } = cpu;
  const maxcpus = sockets * cores * threads;
  return [
    '-cpu',
    formatOptions(cpu.model ?? ownModel(accelerator), {
      ...compileFeatures(cpu, accelerator, architecture),
      ...(accelerator === 'kvm' ? flags : {}),
    }),
    '-smp',
    formatOptions(String(cpuCount(cpu)), { maxcpus, sockets, cores, threads }),
  ];
}

/** The host's own CPU under KVM; under TCG the most capable one that QEMU can act. */
function ownModel(accelerator: Accelerator): string {
  return accelerator === 'kvm' ? 'host' : 'max';
}

/**
 * With `enforce` QEMU refuses to run where anything of the CPU is missing, and otherwise leaves that out, saying so.
 * KVM has to have all of a named model, and of the box's own what is required. TCG acts few models in full: there a
 * named one is taken for what can be had of it, and only features required of QEMU's own one are enforced. An arm64 CPU
 * that lacks a feature fails by itself.
 */
function compileFeatures(
  { model, features }: CompiledCpu,
  accelerator: Accelerator,
  architecture: Architecture,
): Record<string, boolean> {
  const has = (policy: FeaturePolicy) => features.some((feature) => feature.policy === policy);
  const isEnforced =
    architecture === 'amd64' &&
    !has('force') &&
    (model === undefined ? has('require') : accelerator === 'kvm');
  return {
    ...(isEnforced ? { enforce: true } : {}),
    // What may be missing can't be asked for where nothing may: the box's own CPU has what it can anyway.
    ...Object.fromEntries(
      features
        .filter(({ policy }) => policy !== 'optional' || !isEnforced)
        .map(({ name, policy }) => [name.replaceAll('_', '-'), policy !== 'disable']),
    ),
  };
}
