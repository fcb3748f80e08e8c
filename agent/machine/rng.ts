import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

export function rngArguments(pci: PciLayout): string[] {
  return [
    '-object',
    'rng-random,id=entropy,filename=/dev/urandom',
    '-device',
    formatOptions('virtio-rng-pci', { id: 'rng', rng: 'entropy', ...pci.placeOnRoot('rng') }),
  ];
}
