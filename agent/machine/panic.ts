import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { Devices } from '../../shared/model/domain/devices.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** What a guest tells its panics by. Hyper-V's way (`hyperv`) is a flag of the CPU, and no device. */
export type PanicModel = 'isa' | 'pvpanic';

export function compilePanicDevices(
  { panicDevices = [] }: Devices,
  architecture: Architecture,
): PanicModel[] {
  const models = panicDevices.map(({ model }) => model ?? (architecture === 'arm64' ? 'pvpanic' : 'isa'));
  return [...new Set(models.filter((model) => model !== 'hyperv'))];
}

export function panicArguments(models: readonly PanicModel[], pci: PciLayout): string[] {
  return models.flatMap((model) => [
    '-device',
    model === 'isa' ? 'pvpanic' : formatOptions('pvpanic-pci', { id: 'panic', ...pci.placeOnRoot('panic') }),
  ]);
}
