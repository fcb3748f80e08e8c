import { USB_CONTROLLER } from './disk-arguments.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** The bus of the one USB controller, which a machine has where something is to be on it. */
export const USB_BUS = `${USB_CONTROLLER}.0`;

/** As many ports of each speed as the controller can have. */
const PORTS = 15;

export function usbArguments(pci: PciLayout): string[] {
  const controller = { id: USB_CONTROLLER, p2: PORTS, p3: PORTS, ...pci.placeOnRoot(USB_CONTROLLER) };
  return ['-device', formatOptions('qemu-xhci', controller)];
}
