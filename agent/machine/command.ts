import type { Accelerator, HostPort, Tap } from '../ports.ts';
import { channelArguments } from './channel.ts';
import type { CompiledMachine } from './compile.ts';
import { cpuArguments } from './cpu.ts';
import type { FoundDisk } from './disk-arguments.ts';
import { diskArguments } from './disk-arguments.ts';
import { firmwareArguments } from './firmware.ts';
import { interfaceArguments } from './interface-arguments.ts';
import { TCG_BUFFER_MIB, memoryArguments } from './memory.ts';
import { formatOptions } from './options.ts';
import type { PciLayout, PciPlaces } from './pci.ts';
import { createPciLayout } from './pci.ts';

/** What only the box knows of a run. */
export interface CommandEnvironment {
  readonly accelerator: Accelerator;
  readonly run: number;
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
  const devices = deviceArguments(machine, environment, pci);
  const words = [
    ...platformArguments(machine, environment),
    ...pci.portArguments(machine.memoryBytes),
    ...devices,
  ];
  return { words, places: pci.places() };
}

function platformArguments(machine: CompiledMachine, environment: CommandEnvironment): string[] {
  const { accelerator } = environment;
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
    '-machine',
    'q35,vmport=off,dump-guest-core=off',
    '-accel',
    accelerator === 'kvm' ? 'kvm' : formatOptions('tcg', { thread: 'multi', 'tb-size': TCG_BUFFER_MIB }),
    ...cpuArguments(machine.cpu, accelerator),
    ...memoryArguments(machine.memoryBytes, machine.maxMemoryBytes),
    '-rtc',
    'base=utc',
    // A guest that ends stays as a process until the agent has seen how it ended, however long that takes.
    '-action',
    `shutdown=pause,reboot=${machine.endsAtReboot ? 'shutdown' : 'reset'},panic=pause`,
    ...firmwareArguments(machine.firmware, environment.kernel),
  ];
}

function deviceArguments(
  machine: CompiledMachine,
  environment: CommandEnvironment,
  pci: PciLayout,
): string[] {
  return [
    ...channelArguments(environment.run, pci),
    ...diskArguments(machine.disks, environment.bufferedDisks, environment.foundDisks, pci),
    ...interfaceArguments(
      machine.interfaces,
      { ...environment, bootIndexes: new Map(machine.bootCards) },
      pci,
    ),
    ...(machine.rng ? rngArguments(pci) : []),
    '-display',
    'none',
    ...(machine.graphics
      ? ['-device', formatOptions('VGA', { id: 'graphics', ...pci.placeOnRoot('graphics') })]
      : []),
    ...(environment.paused === true ? ['-S'] : []),
  ];
}

/** The name in a command line by which a machine's process is known again: it ends in the uid. */
export function processName({
  namespace,
  name,
  uid,
}: Pick<CompiledMachine, 'namespace' | 'name' | 'uid'>): string {
  return `${namespace}/${name}/${uid}`;
}

function rngArguments(pci: PciLayout): string[] {
  return [
    '-object',
    'rng-random,id=entropy,filename=/dev/urandom',
    '-device',
    formatOptions('virtio-rng-pci', { id: 'rng', rng: 'entropy', ...pci.placeOnRoot('rng') }),
  ];
}
