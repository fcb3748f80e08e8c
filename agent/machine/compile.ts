import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { CpuTopology } from './cpu.ts';
import { compileCpu } from './cpu.ts';
import type { CompiledDisk } from './disk.ts';
import { compileDisks, isKept } from './disk.ts';
import type { CompiledFirmware } from './firmware.ts';
import { compileFirmware } from './firmware.ts';
import type { CompiledInterface } from './interface.ts';
import { compileInterfaces } from './interface.ts';
import type { MemoryClaim } from './memory.ts';
import { compileClaim, compileMemory } from './memory.ts';
import type { CompiledProbes } from './probe.ts';
import { compileProbes } from './probe.ts';
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
  /** What it takes of the box's memory; a change of it alone changes nothing of the process. */
  readonly claim: MemoryClaim;
  readonly cpu: CpuTopology;
  readonly firmware: CompiledFirmware;
  readonly disks: readonly CompiledDisk[];
  readonly interfaces: readonly CompiledInterface[];
  /** The files of the cloud-init seed; none where no volume asks for it. */
  readonly seed: readonly SeedFile[];
  readonly rng: boolean;
  /** A guest that boots anew ends its run, so that the next has what has changed since (`rebootPolicy: Terminate`). */
  readonly endsAtReboot: boolean;
  /** Each run begins held (`startStrategy: Paused`). */
  readonly startsPaused: boolean;
  readonly probes: CompiledProbes;
  readonly graphics: boolean;
  /** How long the guest may take to shut down; 0 means that it is not asked. */
  readonly gracePeriodMs: number;
  /** Canonical text of all that shapes the process: two that are equal need no restart. */
  readonly fingerprint: string;
}

/** Translates a checked manifest with KubeVirt's semantics and defaults. */
export function compileMachine({ uid, namespace, name, spec, dataVolumes }: DesiredMachine): CompiledMachine {
  const { domain } = spec;
  const shape = {
    uid,
    namespace,
    name,
    memoryBytes: compileMemory(domain),
    cpu: compileCpu(domain),
    firmware: compileFirmware(uid, domain),
    disks: compileDisks(spec, dataVolumes),
    interfaces: compileInterfaces(uid, domain),
    seed: compileSeed(uid, compileHostname(name, spec.hostname), spec),
    rng: domain.devices.rng !== undefined,
    endsAtReboot: domain.rebootPolicy === 'Terminate',
    graphics: domain.devices.autoattachGraphicsDevice ?? true,
  };
  return {
    ...shape,
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    claim: compileClaim(domain, shape.memoryBytes),
    probes: compileProbes(spec),
    startsPaused: spec.startStrategy === 'Paused',
    fingerprint: canonicalJson({ ...shape, disks: shape.disks.map(fingerprintDisk) }),
  };
}

/** A disk that is made once keeps its content: a restart would change nothing of it. */
function fingerprintDisk(disk: CompiledDisk): object {
  return isKept(disk) ? { ...disk, content: 'kept' } : disk;
}
