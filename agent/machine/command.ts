import type { Accelerator, HostPort } from '../ports.ts';
import { channelArguments } from './channel.ts';
import type { CompiledMachine } from './compile.ts';
import { cpuArguments } from './cpu.ts';
import { diskArguments } from './disk.ts';
import { firmwareArguments } from './firmware.ts';
import { interfaceArguments } from './interface.ts';
import { TCG_BUFFER_MIB, memoryArguments } from './memory.ts';
import { formatOptions } from './options.ts';
import { pciSlot } from './pci.ts';

/** What only the box knows of a run. */
export interface CommandEnvironment {
  readonly accelerator: Accelerator;
  readonly run: number;
  /** The guest is held before its first instruction. */
  readonly paused?: boolean;
  readonly ports: readonly HostPort[];
  /** Disks whose file system has no O_DIRECT. */
  readonly bufferedDisks: ReadonlySet<string>;
  /** Real paths, where the machine boots a kernel directly. */
  readonly kernel?: { readonly kernel: string; readonly initrd?: string };
}

/** QEMU's arguments for one run, with paths relative to the machine's folder. */
export function compileCommand(machine: CompiledMachine, environment: CommandEnvironment): string[] {
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
    ...memoryArguments(machine.memoryBytes),
    '-rtc',
    'base=utc',
    // A guest that ends stays as a process until the agent has seen how it ended, however long that takes.
    '-action',
    `shutdown=pause,reboot=${machine.endsAtReboot ? 'shutdown' : 'reset'},panic=pause`,
    ...firmwareArguments(machine.firmware, environment.kernel),
    ...channelArguments(environment.run),
    ...diskArguments(machine.disks, environment.bufferedDisks),
    ...interfaceArguments(machine.interfaces, environment.ports),
    ...(machine.rng ? rngArguments() : []),
    '-display',
    'none',
    ...(machine.graphics ? ['-device', formatOptions('VGA', { addr: pciSlot('graphics') })] : []),
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

function rngArguments(): string[] {
  return [
    '-object',
    'rng-random,id=entropy,filename=/dev/urandom',
    '-device',
    formatOptions('virtio-rng-pci', { rng: 'entropy', addr: pciSlot('rng') }),
  ];
}
