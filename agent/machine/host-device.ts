import type { Devices } from '../../shared/model/domain/devices.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';
import { USB_BUS } from './usb.ts';

/** A device of the box's that a machine asks for. */
export interface WantedHostDevice {
  readonly name: string;
  /** By what the box offers it as. */
  readonly resource: string;
}

/** A device of the box's: on PCI by its address, on USB by its place (e.g. `1-2.3`: bus 1, port 2.3). */
export type HostDeviceAddress =
  { readonly bus: 'pci'; readonly address: string } | { readonly bus: 'usb'; readonly place: string };

/** What a run has of the box's own, and no other meanwhile. */
export interface Lent {
  readonly hostDevices: readonly HostDeviceAddress[];
  readonly cpus: readonly number[];
}

export function compileHostDevices({ hostDevices = [], gpus = [] }: Devices): WantedHostDevice[] {
  return [...hostDevices, ...gpus].map(({ name, deviceName }) => ({ name, resource: deviceName }));
}

export function hostDeviceArguments(addresses: readonly HostDeviceAddress[], pci: PciLayout): string[] {
  return addresses.flatMap((device, index) => {
    const id = `host${index}`;
    if (device.bus === 'pci')
      return ['-device', formatOptions('vfio-pci', { id, host: device.address, ...pci.placeOnPort(id) })];
    const [hostbus, hostport] = device.place.split('-');
    return ['-device', formatOptions('usb-host', { id, bus: USB_BUS, hostbus, hostport })];
  });
}
