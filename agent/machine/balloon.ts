import type { CompiledMachine } from './compile.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** QEMU's name for the balloon. */
export const BALLOON_ID = 'balloon';

/**
 * Whether a guest can be asked to give memory of its start back: not where the box could not use it, because it is
 * locked, of huge pages, or written to by a device of the box.
 */
export function canBalloon({ devices, memory }: Pick<CompiledMachine, 'devices' | 'memory'>): boolean {
  const isBound = memory.locked || memory.hugepageBytes !== undefined || devices.hostDevices.length > 0;
  return devices.balloon && !isBound;
}

/** A guest tells which of its pages are free, so that the box can have them meanwhile (KubeVirt's default). */
export function balloonArguments(pci: PciLayout): string[] {
  const device = { id: BALLOON_ID, 'free-page-reporting': true, ...pci.placeOnRoot(BALLOON_ID) };
  return ['-device', formatOptions('virtio-balloon-pci', device)];
}
