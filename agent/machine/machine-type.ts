import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { CompiledMachine } from './compile.ts';
import { formatOptions } from './options.ts';
import { MEMORY_BACKEND } from './memory.ts';

/** The program that runs machines of an architecture. */
export function qemuProgram(architecture: Architecture): string {
  return architecture === 'arm64' ? 'qemu-system-aarch64' : 'qemu-system-x86_64';
}

export const DEFAULT_MACHINE_TYPES: Readonly<Record<Architecture, string>> = { amd64: 'q35', arm64: 'virt' };

export function compileMachineType(type: string | undefined, architecture: Architecture): string {
  return type === undefined || type === '' ? DEFAULT_MACHINE_TYPES[architecture] : type;
}

/** The computer as such, and what its firmware and memory are. */
export function machineArguments(machine: CompiledMachine): string[] {
  const { architecture, machineType, features, clock, firmware, memory } = machine;
  const { loader } = firmware;
  const own =
    architecture === 'arm64'
      ? // The newest interrupt controller that there is: the default one serves eight CPUs.
        { 'gic-version': 'max' }
      : { vmport: false, smm: features.smm, hpet: clock.hpet, pit: clock.pit?.present };
  const properties = {
    ...own,
    'dump-guest-core': false,
    acpi: features.acpi ? undefined : false,
    // How a BIOS is told to use the serial console.
    graphics: loader.kind === 'bios' && loader.useSerial ? false : undefined,
    pflash0: loader.kind === 'efi' ? 'efi-code' : undefined,
    pflash1: loader.kind === 'efi' ? 'efi-variables' : undefined,
    'memory-backend': memory.hugepageBytes === undefined ? undefined : MEMORY_BACKEND,
  };
  return ['-machine', formatOptions(machineType, properties)];
}
