import type { Accelerator, HostPort } from '../ports.ts';
import type { Tap } from '../networks-port.ts';
import { acceleratorArguments } from './accelerator.ts';
import { channelArguments } from './channel.ts';
import { clockArguments } from './clock.ts';
import type { CompiledMachine } from './compile.ts';
import { cpuArguments } from './cpu.ts';
import { deviceArguments } from './devices.ts';
import type { FoundDisk } from './disk-arguments.ts';
import { diskArguments } from './disk-arguments.ts';
import type { FirmwareFiles } from './firmware.ts';
import { firmwareArguments, kernelArguments } from './firmware.ts';
import type { HostDeviceAddress } from './host-device.ts';
import { interfaceArguments } from './interface-arguments.ts';
import { ioThreadArguments } from './io-threads.ts';
import { machineArguments } from './machine-type.ts';
import { memoryArguments } from './memory.ts';
import { formatOptions } from './options.ts';
import type { PciLayout, PciPlaces } from './pci.ts';
import { createPciLayout } from './pci.ts';
import { smbiosArguments } from './smbios.ts';

/** What only the box knows of a run. */
export interface CommandEnvironment {
  readonly accelerator: Accelerator;
  readonly run: number;
  /** When QEMU is started, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The guest is held before its first instruction. */
  readonly paused?: boolean;
  readonly ports: readonly HostPort[];
  /** By interface, of those on a bridge. */
  readonly taps: ReadonlyMap<string, Tap>;
  /** Disks whose file system has no O_DIRECT. */
  readonly bufferedDisks: ReadonlySet<string>;
  /** By volume, the disks of which there is more to know than the machine's description says. */
  readonly foundDisks: ReadonlyMap<string, FoundDisk>;
  /** Where the devices sat in the run before; empty at the first. */
  readonly places: PciPlaces;
  /** Real paths, where the machine boots a kernel directly. */
  readonly kernel?: { readonly kernel: string; readonly initrd?: string };
  /** Where the machine boots by UEFI. */
  readonly firmware?: FirmwareFiles;
  /** What the run was given of the box's own. */
  readonly hostDevices: readonly HostDeviceAddress[];
  /** The NUMA node of the box that all of the memory is to be of. */
  readonly memoryNode?: number;
}

/** How QEMU is called for one run. */
export interface Command {
  /** With paths relative to the machine's folder. */
  readonly words: readonly string[];
  /** Where its PCI devices sit: for the next run's `CommandEnvironment`. */
  readonly places: PciPlaces;
}

export function compileCommand(machine: CompiledMachine, environment: CommandEnvironment): Command {
  const pci = createPciLayout(environment.places);
  // Guests of before virtio 1.0 need I/O space, which root ports have none of.
  const layout = machine.devices.transitional
    ? { ...pci, placeOnPort: (id: string) => pci.placeOnRoot(id) }
    : pci;
  const devices = attachedArguments(machine, environment, layout);
  const words = [
    ...platformArguments(machine, environment),
    ...pci.portArguments(machine.memoryBytes),
    ...devices,
  ];
  return { words, places: pci.places() };
}

function platformArguments(machine: CompiledMachine, environment: CommandEnvironment): string[] {
  const { accelerator } = environment;
  const { architecture, firmware } = machine;
  return [
    '-name',
    formatOptions(undefined, { guest: processName(machine), 'debug-threads': true }),
    '-nodefaults',
    '-no-user-config',
    // The sandbox forbids what a guest that has broken into QEMU would want first.
    '-sandbox',
    'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    '-msg',
    'timestamp=on',
    ...machineArguments(machine),
    ...acceleratorArguments(accelerator, machine.cpu),
    ...cpuArguments(machine.cpu, accelerator, architecture, machine.features.kvmFlags),
    ...memoryArguments(machine, environment.memoryNode),
    ...clockArguments(machine.clock, environment.nowMs, accelerator),
    ...actionArguments(machine),
    ...smbiosArguments(firmware, machine.chassis),
    ...firmwareArguments(firmware, environment.firmware),
    ...kernelArguments(firmware, environment.kernel),
  ];
}

function attachedArguments(
  machine: CompiledMachine,
  environment: CommandEnvironment,
  pci: PciLayout,
): string[] {
  const { disks, devices, interfaces, bootCards } = machine;
  return [
    ...channelArguments(environment.run, devices.console, pci),
    ...ioThreadArguments(machine.ioThreads),
    ...diskArguments(disks, environment.bufferedDisks, environment.foundDisks, pci),
    ...interfaceArguments(interfaces, { ...environment, bootIndexes: new Map(bootCards) }, pci),
    '-display',
    'none',
    ...deviceArguments(machine, environment, pci),
    ...(environment.paused === true ? ['-S'] : []),
  ];
}

/** A guest that ends stays as a process until the agent has seen how it ended, however long that takes. */
function actionArguments({ devices, endsAtReboot }: CompiledMachine): string[] {
  const actions = {
    shutdown: 'pause',
    reboot: endsAtReboot ? 'shutdown' : 'reset',
    panic: 'pause',
    // Powered off, QEMU would be gone without a word.
    watchdog: devices.watchdog === 'poweroff' ? 'pause' : devices.watchdog,
  };
  return ['-action', formatOptions(undefined, actions)];
}

/** The name in a command line by which a machine's process is known again: it ends in the uid. */
export function processName({
  namespace,
  name,
  uid,
}: Pick<CompiledMachine, 'namespace' | 'name' | 'uid'>): string {
  return `${namespace}/${name}/${uid}`;
}
