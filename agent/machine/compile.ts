import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { CompiledCpu } from './cpu.ts';
import { compileCpu } from './cpu.ts';
import type { CompiledDisk } from './disk.ts';
import { compileDisks, isKept } from './disk.ts';
import type { CompiledFirmware } from './firmware.ts';
import { compileFirmware } from './firmware.ts';
import type { CompiledInterface } from './interface.ts';
import { compileInterfaces } from './interface.ts';
import { compileMaxMemory, compileMemory } from './memory.ts';
import type { SeedFile } from './seed.ts';
import { compileHostname, compileSeed } from './seed.ts';

export type { CompiledDisk, ImageSource } from './disk.ts';
export { sourceKey } from './disk.ts';

/** KubeVirt's default of `terminationGracePeriodSeconds`. */
const DEFAULT_GRACE_SECONDS = 30;

/** A machine in QEMU's terms, without anything that only the box knows (ports, paths, the accelerator). */
export interface CompiledMachine {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly memoryBytes: number;
  /** What the guest can be given at most while it runs. */
  readonly maxMemoryBytes: number;
  readonly cpu: CompiledCpu;
  readonly firmware: CompiledFirmware;
  readonly disks: readonly CompiledDisk[];
  readonly interfaces: readonly CompiledInterface[];
  /** The files of the cloud-init seed; none where no volume asks for it. */
  readonly seed: readonly SeedFile[];
  readonly rng: boolean;
  readonly graphics: boolean;
  /** How long the guest may take to shut down; 0 means that it is not asked. */
  readonly gracePeriodMs: number;
  /** What it was compiled from. */
  readonly desired: DesiredMachine;
}

/** Translates a checked manifest with KubeVirt's semantics and defaults. */
export function compileMachine(desired: DesiredMachine): CompiledMachine {
  const { uid, namespace, name, spec, dataVolumes } = desired;
  const { domain } = spec;
  return {
    uid,
    namespace,
    name,
    memoryBytes: compileMemory(domain),
    maxMemoryBytes: compileMaxMemory(domain),
    cpu: compileCpu(domain),
    firmware: compileFirmware(uid, domain),
    disks: compileDisks(spec, dataVolumes),
    interfaces: compileInterfaces(uid, domain),
    seed: compileSeed(uid, compileHostname(name, spec.hostname), spec),
    rng: domain.devices.rng !== undefined,
    graphics: domain.devices.autoattachGraphicsDevice ?? true,
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    desired,
  };
}

/** All of it that shapes the process: two machines that are the same in it run the same. */
export function shapeOf({ gracePeriodMs: _, desired: __, ...machine }: CompiledMachine): object {
  return { ...machine, disks: machine.disks.map(shapeOfDisk) };
}

/** A disk that is made once keeps its content: a restart would change nothing of it. */
function shapeOfDisk(disk: CompiledDisk): object {
  return isKept(disk) ? { ...disk, content: 'kept' } : disk;
}
