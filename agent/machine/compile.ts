import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { CpuTopology } from './cpu.ts';
import { compileCpu } from './cpu.ts';
import type { CompiledDisk } from './disk.ts';
import { compileDisks, isKept } from './disk.ts';
import type { CompiledFirmware } from './firmware.ts';
import { compileFirmware } from './firmware.ts';
import type { CompiledInterface } from './interface.ts';
import { sourceKey } from './image-source.ts';
import { compileInterfaces } from './interface.ts';
import { compileMemory } from './memory.ts';
import type { CpuLimits } from './limits.ts';
import { compileCpuLimits } from './limits.ts';
import type { SeedFile } from './seed.ts';
import { compileHostname, compileSeed } from './seed.ts';

export type { CompiledDisk } from './disk.ts';
export type { ImageSource } from './image-source.ts';
export { sourceKey } from './image-source.ts';

/** KubeVirt's default of `terminationGracePeriodSeconds`. */
const DEFAULT_GRACE_SECONDS = 30;

/** A machine in QEMU's terms, without anything that only the box knows (ports, paths, the accelerator). */
export interface CompiledMachine {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly memoryBytes: number;
  readonly cpu: CpuTopology;
  readonly firmware: CompiledFirmware;
  readonly disks: readonly CompiledDisk[];
  readonly interfaces: readonly CompiledInterface[];
  /** The files of the cloud-init seed; none where no volume asks for it. */
  readonly seed: readonly SeedFile[];
  readonly rng: boolean;
  readonly graphics: boolean;
  readonly limits: CpuLimits;
  /** How long the guest may take to shut down; 0 means that it is not asked. */
  readonly gracePeriodMs: number;
  /** Canonical text of all that shapes the process: two that are equal need no restart. */
  readonly fingerprint: string;
}

/** Translates a checked manifest with KubeVirt's semantics and defaults. */
export function compileMachine(desired: DesiredMachine): CompiledMachine {
  const { uid, namespace, name, spec, dataVolumes, references } = desired;
  const { domain } = spec;
  const shape = {
    uid,
    namespace,
    name,
    memoryBytes: compileMemory(domain),
    cpu: compileCpu(domain),
    firmware: compileFirmware(uid, domain, references),
    disks: compileDisks(spec, dataVolumes, desired),
    interfaces: compileInterfaces(uid, domain),
    seed: compileSeed(uid, compileHostname(name, spec.hostname), spec),
    rng: domain.devices.rng !== undefined,
    graphics: domain.devices.autoattachGraphicsDevice ?? true,
  };
  return {
    ...shape,
    limits: compileCpuLimits(domain, shape.cpu),
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    fingerprint: canonicalJson({
      ...shape,
      firmware: fingerprintFirmware(shape.firmware),
      disks: shape.disks.map(fingerprintDisk),
    }),
  };
}

/** A disk that is made once keeps its content: a restart would change nothing of it. */
function fingerprintDisk(disk: CompiledDisk): object {
  if (isKept(disk)) return { ...disk, content: 'kept' };
  const { content } = disk;
  return content.from === 'container' ? { ...disk, content: sourceKey(content.source) } : disk;
}

/** How an image is to be had shapes nothing, and may be secret. */
function fingerprintFirmware(firmware: CompiledFirmware): object {
  const { kernelBoot } = firmware;
  if (kernelBoot?.source === undefined) return firmware;
  return { ...firmware, kernelBoot: { ...kernelBoot, source: sourceKey(kernelBoot.source) } };
}
