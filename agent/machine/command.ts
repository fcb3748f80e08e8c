import type { Accelerator, HostPort } from '../ports.ts';
import { channelArguments } from './channel.ts';
import { clockArguments } from './clock.ts';
import type { CompiledMachine } from './compile.ts';
import { cpuArguments } from './cpu.ts';
import { deviceArguments } from './devices.ts';
import { diskArguments } from './disk.ts';
import type { FirmwareFiles } from './firmware.ts';
import { firmwareArguments, kernelArguments } from './firmware.ts';
import type { HostDeviceAddress } from './host-device.ts';
import { interfaceArguments } from './interface.ts';
import { ioThreadArguments } from './io-threads.ts';
import { machineArguments } from './machine-type.ts';
import { TCG_BUFFER_MIB, memoryArguments } from './memory.ts';
import { formatOptions } from './options.ts';
import { smbiosArguments } from './smbios.ts';

/** What only the box knows of a run. */
export interface CommandEnvironment {
  readonly accelerator: Accelerator;
  readonly run: number;
  /** When QEMU is started, in milliseconds since 1970. */
  readonly nowMs: number;
  readonly ports: readonly HostPort[];
  /** Disks whose file system has no O_DIRECT. */
  readonly bufferedDisks: ReadonlySet<string>;
  /** Real paths, where the machine boots a kernel directly. */
  readonly kernel?: { readonly kernel: string; readonly initrd?: string };
  /** Where the machine boots by UEFI. */
  readonly firmware?: FirmwareFiles;
  /** What the run was given of the box's own. */
  readonly hostDevices: readonly HostDeviceAddress[];
  /** The NUMA node of the box that all of the memory is to be of. */
  readonly memoryNode?: number;
}

/** QEMU's arguments for one run, with paths relative to the machine's folder. */
export function compileCommand(machine: CompiledMachine, environment: CommandEnvironment): string[] {
  const { accelerator, run } = environment;
  const { architecture, devices, disks, firmware, ioThreads } = machine;
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
    '-accel',
    accelerator === 'kvm' ? 'kvm' : formatOptions('tcg', { thread: 'multi', 'tb-size': TCG_BUFFER_MIB }),
    ...cpuArguments(machine.cpu, accelerator, architecture, machine.features.kvmFlags),
    ...memoryArguments(machine.memoryBytes, machine.memory, environment.memoryNode),
    ...clockArguments(machine.clock, environment.nowMs, accelerator),
    ...actionArguments(machine),
    ...smbiosArguments(firmware, machine.chassis),
    ...firmwareArguments(firmware, environment.firmware),
    ...kernelArguments(firmware, environment.kernel),
    ...(devices.transitional ? ['-global', 'virtio-pci.disable-legacy=off'] : []),
    ...channelArguments(run, devices.console),
    ...ioThreadArguments(ioThreads),
    ...diskArguments(disks, environment.bufferedDisks, ioThreads.disks),
    ...interfaceArguments(machine.interfaces, environment.ports),
    '-display',
    'none',
    ...deviceArguments(devices, architecture, run, environment.hostDevices),
  ];
}

/** A guest that ends stays as a process until the agent has seen how it ended, however long that takes. */
function actionArguments({ devices, endsAtReboot }: CompiledMachine): string[] {
  const actions = {
    shutdown: 'pause',
    reboot: endsAtReboot ? 'shutdown' : 'reset',
    panic: 'pause',
    watchdog: devices.watchdog,
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
