import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { Devices } from '../../shared/model/domain/devices.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';
import { USB_BUS } from './usb.ts';

export interface CompiledInput {
  readonly type: 'tablet' | 'keyboard';
  readonly bus: 'usb' | 'virtio';
}

/** As in KubeVirt: on arm64, which has no PS/2, a machine with a display gets a USB keyboard and a pointer. */
export function compileInputs(
  { inputs = [], autoattachInputDevice = false, autoattachGraphicsDevice = true }: Devices,
  architecture: Architecture,
): CompiledInput[] {
  const tablet = { type: 'tablet', bus: 'usb' } as const;
  const named = inputs.map(({ type, bus = 'usb' }) => ({ type, bus }));
  const wanted = named.length === 0 && autoattachInputDevice ? [tablet] : named;
  if (architecture === 'amd64' || !autoattachGraphicsDevice) return wanted;
  return [...(wanted.length === 0 ? [tablet] : wanted), { type: 'keyboard', bus: 'usb' }];
}

export function inputArguments(inputs: readonly CompiledInput[], pci: PciLayout): string[] {
  return inputs.flatMap(({ type, bus }, index) => {
    const id = `input${index}`;
    const device =
      bus === 'usb'
        ? formatOptions(type === 'tablet' ? 'usb-tablet' : 'usb-kbd', { id, bus: USB_BUS })
        : formatOptions(`virtio-${type}-pci`, { id, ...pci.placeOnRoot(id) });
    return ['-device', device];
  });
}
