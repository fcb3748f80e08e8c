import { formatOptions } from './options.ts';
import { pciSlot } from './pci.ts';

/** The bus of the one USB controller, which a machine has where something is to be on it. */
export const USB_BUS = 'usb.0';

/** As many ports of each speed as the controller can have. */
const PORTS = 15;

export function usbArguments(): string[] {
  const controller = { id: 'usb', p2: PORTS, p3: PORTS, addr: pciSlot('usb') };
  return ['-device', formatOptions('qemu-xhci', controller)];
}
