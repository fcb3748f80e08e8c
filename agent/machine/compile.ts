import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { Architecture } from '../../shared/model/domain/architecture.ts';
import { DEFAULT_ARCHITECTURE } from '../../shared/model/domain/architecture.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { CompiledClock } from './clock.ts';
import { compileClock } from './clock.ts';
import type { CompiledCpu } from './cpu.ts';
import { compileCpu } from './cpu.ts';
import type { CompiledDevices } from './devices.ts';
import { compileDevices } from './devices.ts';
import type { CompiledDisk } from './disk.ts';
import { compileDisks, isKept } from './disk.ts';
import type { CompiledFeatures } from './features.ts';
import { compileFeatures } from './features.ts';
import type { CompiledFirmware } from './firmware.ts';
import { compileFirmware } from './firmware.ts';
import type { CompiledInterface } from './interface.ts';
import { compileInterfaces } from './interface.ts';
import type { CompiledIoThreads, ThreadedDisk } from './io-threads.ts';
import { compileIoThreads } from './io-threads.ts';
import { compileMachineType } from './machine-type.ts';
import type { CompiledMemory } from './memory.ts';
import { compileMemory, compileMemoryBacking } from './memory.ts';
import type { SeedFile } from './seed.ts';
import { compileHostname, compileSeed } from './seed.ts';
import type { Chassis } from './smbios.ts';

export type { CompiledDisk, ImageSource } from './disk.ts';
export { sourceKey } from './disk.ts';

/** KubeVirt's default of `terminationGracePeriodSeconds`. */
const DEFAULT_GRACE_SECONDS = 30;

/** A machine in QEMU's terms, without anything that only the box knows (ports, paths, the accelerator). */
export interface CompiledMachine {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly architecture: Architecture;
  /** As QEMU calls it. */
  readonly machineType: string;
  readonly memoryBytes: number;
  readonly memory: CompiledMemory;
  readonly cpu: CompiledCpu;
  readonly features: CompiledFeatures;
  readonly clock: CompiledClock;
  readonly firmware: CompiledFirmware;
  readonly chassis?: Chassis;
  readonly disks: readonly CompiledDisk[];
  readonly interfaces: readonly CompiledInterface[];
  /** The files of the cloud-init seed; none where no volume asks for it. */
  readonly seed: readonly SeedFile[];
  readonly devices: CompiledDevices;
  readonly ioThreads: CompiledIoThreads;
  /** Whether a guest that reboots ends its run. */
  readonly endsAtReboot: boolean;
  /** How long the guest may take to shut down; 0 means that it is not asked. */
  readonly gracePeriodMs: number;
  /** Canonical text of all that shapes the process: two that are equal need no restart. */
  readonly fingerprint: string;
}

/** Translates a checked manifest with KubeVirt's semantics and defaults. */
export function compileMachine({ uid, namespace, name, spec, dataVolumes }: DesiredMachine): CompiledMachine {
  const { domain } = spec;
  const architecture = spec.architecture ?? DEFAULT_ARCHITECTURE;
  const firmware = compileFirmware(uid, domain, architecture);
  const disks = compileDisks(spec, dataVolumes);
  const shape = {
    uid,
    namespace,
    name,
    architecture,
    machineType: compileMachineType(domain.machine?.type, architecture),
    memoryBytes: compileMemory(domain),
    memory: compileMemoryBacking(domain),
    cpu: compileCpu(domain, architecture),
    features: compileFeatures(domain),
    clock: compileClock(domain),
    firmware,
    ...(domain.chassis === undefined ? {} : { chassis: domain.chassis }),
    disks,
    interfaces: compileInterfaces(uid, domain),
    seed: compileSeed(uid, compileHostname(name, spec.hostname), spec),
    devices: compileDevices(domain.devices, architecture, firmware.loader.kind),
    ioThreads: compileIoThreads(domain, threadedDisks(disks)),
    endsAtReboot: domain.rebootPolicy === 'Terminate',
  };
  return {
    ...shape,
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    fingerprint: canonicalJson({ ...shape, disks: shape.disks.map(fingerprintDisk) }),
  };
}

/** The disks that threads can serve. */
function threadedDisks(disks: readonly CompiledDisk[]): ThreadedDisk[] {
  return disks.filter(({ bus }) => bus === 'virtio').map(({ name }) => ({ name, dedicated: false }));
}

/** A disk that is made once keeps its content: a restart would change nothing of it. */
function fingerprintDisk(disk: CompiledDisk): object {
  return isKept(disk) ? { ...disk, content: 'kept' } : disk;
}
