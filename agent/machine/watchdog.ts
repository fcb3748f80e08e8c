import type { Devices } from '../../shared/model/domain/devices.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** QEMU's words: `shutdown` presses the power button. */
export type WatchdogAction = 'reset' | 'poweroff' | 'shutdown';

export function compileWatchdog({ watchdog }: Devices): WatchdogAction | undefined {
  return watchdog && (watchdog.i6300esb?.action ?? 'reset');
}

/** The action is one of `-action`. */
export function watchdogArguments(action: WatchdogAction | undefined, pci: PciLayout): string[] {
  if (action === undefined) return [];
  return ['-device', formatOptions('i6300esb', { id: 'watchdog', ...pci.placeOnRoot('watchdog') })];
}
