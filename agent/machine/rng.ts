import { formatOptions } from './options.ts';
import { pciSlot } from './pci.ts';

export function rngArguments(): string[] {
  return [
    '-object',
    'rng-random,id=entropy,filename=/dev/urandom',
    '-device',
    formatOptions('virtio-rng-pci', { rng: 'entropy', addr: pciSlot('rng') }),
  ];
}
