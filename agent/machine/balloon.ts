import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** QEMU's name for the balloon. */
export const BALLOON_ID = 'balloon';

/** A guest tells which of its pages are free, so that the box can have them meanwhile (KubeVirt's default). */
export function balloonArguments(pci: PciLayout): string[] {
  const device = { id: BALLOON_ID, 'free-page-reporting': true, ...pci.placeOnRoot(BALLOON_ID) };
  return ['-device', formatOptions('virtio-balloon-pci', device)];
}
