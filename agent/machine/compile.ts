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
import { diskFile, isKept } from './disk.ts';
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
import { compileMaxMemory, compileMemory, compileMemoryBacking } from './memory.ts';
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
  /** What the guest can be given at most while it runs. */
  readonly maxMemoryBytes: number;
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
  /** What it was compiled from. */
  readonly desired: DesiredMachine;
}

/** Translates a checked manifest with KubeVirt's semantics and defaults. */
export function compileMachine(desired: DesiredMachine): CompiledMachine {
  const { uid, namespace, name, spec } = desired;
  const { domain } = spec;
  const architecture = spec.architecture ?? DEFAULT_ARCHITECTURE;
  const firmware = compileFirmware(uid, domain, architecture, desired.references);
  const cpu = compileCpu(domain, architecture);
  const memoryBytes = compileMemory(domain);
  const boot = rankBoot(domain);
  const ordered = compileDisks(desired).map((disk) => orderDisk(disk, boot));
  const { threads: ioThreads, disks } = assignIoThreads(domain, ordered);
  const credentials = compileCredentials(desired);
  return {
    uid,
    namespace,
    name,
    architecture,
    machineType: compileMachineType(domain.machine?.type, architecture),
    memoryBytes,
    maxMemoryBytes: compileMaxMemory(domain, architecture),
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
    limits: compileCpuLimits(domain, cpu),
    ...(credentials === undefined ? {} : { credentials }),
    gracePeriodMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
    claim: compileClaim(domain, memoryBytes),
    probes: compileProbes(spec),
    startsPaused: spec.startStrategy === 'Paused',
    desired,
  };
}

/**
 * All of it that shapes the process: two machines that are the same in it run the same. A grace period, how a run
 * begins, its share of the box and what goes through the guest's agent are not of the process.
 */
export function shapeOf(machine: CompiledMachine): object {
  const {
    gracePeriodMs: _,
    startsPaused: __,
    limits: ___,
    credentials: ____,
    desired: _____,
    ...shape
  } = machine;
  return {
    ...shape,
    firmware: shapeOfFirmware(shape.firmware),
    disks: shape.disks.map(shapeOfDisk),
    interfaces: shape.interfaces.map(shapeOfInterface),
  };
}

/** A disk that is made once keeps its content: a restart would change nothing of it. */
function shapeOfDisk(disk: CompiledDisk): object {
  if (isKept(disk)) return { ...disk, content: diskFile(disk) };
  const { content } = disk;
  return content.from === 'container' ? { ...disk, content: sourceKey(content.source) } : disk;
}

/** How an image is to be had shapes nothing, and may be secret. */
function shapeOfFirmware(firmware: CompiledFirmware): object {
  const { kernelBoot } = firmware;
  if (kernelBoot?.source === undefined) return firmware;
  return { ...firmware, kernelBoot: { ...kernelBoot, source: sourceKey(kernelBoot.source) } };
}

/** An address that was derived is kept from run to run: a restart would change nothing of it. */
function shapeOfInterface(card: CompiledInterface): object {
  return card.macGiven ? card : { ...card, mac: 'kept' };
}

/** Where a card is booted from, disks and cards have one order. */
function orderDisk(disk: CompiledDisk, boot: BootOrder | undefined): CompiledDisk {
  if (boot === undefined) return disk;
  const { bootIndex: _alone, ...rest } = disk;
  const bootIndex = boot.disks.get(disk.name);
  return bootIndex === undefined ? rest : { ...rest, bootIndex };
}
