import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { Architecture } from '../../shared/model/domain/architecture.ts';
import { DEFAULT_ARCHITECTURE } from '../../shared/model/domain/architecture.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { BootOrder } from './boot-order.ts';
import { rankBoot } from './boot-order.ts';
import type { CompiledClock } from './clock.ts';
import { compileClock } from './clock.ts';
import { compileDisks } from './compile-disks.ts';
import type { GuestCredentials } from './credentials.ts';
import { compileCredentials } from './credentials.ts';
import type { CompiledCpu } from './cpu.ts';
import { compileCpu, cpuCount } from './cpu.ts';
import type { CompiledDevices } from './devices.ts';
import { compileDevices } from './devices.ts';
import type { CompiledDisk } from './disk.ts';
import { isKept } from './disk.ts';
import type { CompiledFeatures } from './features.ts';
import { compileFeatures } from './features.ts';
import type { CompiledFirmware } from './firmware.ts';
import { compileFirmware } from './firmware.ts';
import type { CompiledInterface } from './interface.ts';
import { compileHostname } from './seed.ts';
import { sourceKey } from './image-source.ts';
import { compileInterfaces } from './interface.ts';
import type { MemoryClaim } from './memory-claim.ts';
import { compileClaim } from './memory-claim.ts';
import type { CompiledProbes } from './probe.ts';
import { compileProbes } from './probe.ts';
import { assignIoThreads } from './io-threads.ts';
import type { CpuLimits } from './limits.ts';
import { compileCpuLimits } from './limits.ts';
import { compileMachineType } from './machine-type.ts';
import type { CompiledMemory } from './memory.ts';
import { compileMemory, compileMemoryBacking } from './memory.ts';
import type { Chassis } from './smbios.ts';

export type { CompiledDisk } from './disk.ts';
export type { Lent } from './host-device.ts';
export type { ImageSource } from './image-source.ts';
export { sourceKey } from './image-source.ts';

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
  /** What it takes of the box's memory; a change of it alone changes nothing of the process. */
  readonly claim: MemoryClaim;
  readonly memory: CompiledMemory;
  readonly cpu: CompiledCpu;
  readonly features: CompiledFeatures;
  readonly clock: CompiledClock;
  readonly firmware: CompiledFirmware;
  readonly chassis?: Chassis;
  readonly disks: readonly CompiledDisk[];
  readonly interfaces: readonly CompiledInterface[];
  /** The cards that it may be booted from, with QEMU's boot index. */
  readonly bootCards: readonly (readonly [name: string, bootIndex: number])[];
  readonly devices: CompiledDevices;
  /** How many threads serve disks that have none of their own; disks name theirs. */
  readonly ioThreads: number;
  /** A guest that boots anew ends its run, so that the next has what has changed since (`rebootPolicy: Terminate`). */
  readonly endsAtReboot: boolean;
  /** Each run begins held (`startStrategy: Paused`). */
  readonly startsPaused: boolean;
  readonly probes: CompiledProbes;
  readonly limits: CpuLimits;
  /** How long the guest may take to shut down; 0 means that it is not asked. */
  readonly gracePeriodMs: number;
  /** What users of the guest get through its agent while it runs. */
  readonly credentials?: GuestCredentials;
  /** Canonical text of all that shapes the process: two that are equal need no restart. */
  readonly fingerprint: string;
}

/** Translates a checked manifest with KubeVirt's semantics and defaults. */
export function compileMachine(desired: DesiredMachine): CompiledMachine {
  const { uid, namespace, name, spec } = desired;
  const { domain } = spec;
  const architecture = spec.architecture ?? DEFAULT_ARCHITECTURE;
  const firmware = compileFirmware(uid, domain, architecture, desired.references);
  const cpu = compileCpu(domain, architecture);
  const boot = rankBoot(domain);
  const credentials = compileCredentials(desired);
  const ordered = compileDisks(desired).map((disk) => orderDisk(disk, boot));
  const { threads: ioThreads, disks } = assignIoThreads(domain, ordered);
  const shape = {
    uid,
    namespace,
    name,
    architecture,
    machineType: compileMachineType(domain.machine?.type, architecture),
    memoryBytes: compileMemory(domain),
    memory: compileMemoryBacking(domain),
    cpu,
    features: compileFeatures(domain),
    clock: compileClock(domain),
    firmware,
    ...(domain.chassis === undefined ? {} : { chassis: domain.chassis }),
    disks,
    ioThreads,
    interfaces: compileInterfaces(desired, compileHostname(desired), cpuCount(cpu)),
    bootCards: [...(boot?.interfaces ?? [])],
    devices: compileDevices(domain.devices, architecture, firmware.loader.kind),
    endsAtReboot: domain.rebootPolicy === 'Terminate',
  };
  return {
    ...shape,
    limits: compileCpuLimits(domain, shape.cpu),
    ...(credentials === undefined ? {} : { credentials }),
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    claim: compileClaim(domain, shape.memoryBytes),
    probes: compileProbes(spec),
    startsPaused: spec.startStrategy === 'Paused',
    fingerprint: canonicalJson({
      ...shape,
      firmware: fingerprintFirmware(shape.firmware),
      disks: shape.disks.map(fingerprintDisk),
      interfaces: shape.interfaces.map(fingerprintInterface),
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

/** An address that was derived is kept from run to run: a restart would change nothing of it. */
function fingerprintInterface(card: CompiledInterface): object {
  return card.macGiven ? card : { ...card, mac: 'kept' };
}

/** Where a card is booted from, disks and cards have one order. */
function orderDisk(disk: CompiledDisk, boot: BootOrder | undefined): CompiledDisk {
  if (boot === undefined) return disk;
  const { bootIndex: _alone, ...rest } = disk;
  const bootIndex = boot.disks.get(disk.name);
  return bootIndex === undefined ? rest : { ...rest, bootIndex };
}
