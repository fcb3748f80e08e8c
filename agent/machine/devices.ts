import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { Devices } from '../../shared/model/domain/devices.ts';
import { balloonArguments } from './balloon.ts';
import type { CommandEnvironment } from './command.ts';
import type { CompiledMachine } from './compile.ts';
import type { VideoType } from './graphics.ts';
import { compileVideo, graphicsArguments } from './graphics.ts';
import type { WantedHostDevice } from './host-device.ts';
import { compileHostDevices, hostDeviceArguments } from './host-device.ts';
import type { CompiledInput } from './input.ts';
import { compileInputs, inputArguments } from './input.ts';
import type { PanicModel } from './panic.ts';
import { compilePanicDevices, panicArguments } from './panic.ts';
import type { PciLayout } from './pci.ts';
import { rngArguments } from './rng.ts';
import type { SoundModel } from './sound.ts';
import { compileSound, soundArguments } from './sound.ts';
import type { CompiledTpm } from './tpm.ts';
import { compileTpm, tpmArguments } from './tpm.ts';
import { usbArguments } from './usb.ts';
import type { WatchdogAction } from './watchdog.ts';
import { compileWatchdog, watchdogArguments } from './watchdog.ts';

/** All devices but disks and network cards. */
export interface CompiledDevices {
  readonly rng: boolean;
  readonly balloon: boolean;
  readonly video?: VideoType;
  readonly inputs: readonly CompiledInput[];
  readonly watchdog?: WatchdogAction;
  readonly tpm?: CompiledTpm;
  readonly sound?: SoundModel;
  readonly panic: readonly PanicModel[];
  readonly hostDevices: readonly WantedHostDevice[];
  readonly console: 'none' | 'unlogged' | 'logged';
  /** Virtio devices that guests of before virtio 1.0 know too. */
  readonly transitional: boolean;
  /** Whether disks and media may come and go while it runs. */
  readonly hotplug: boolean;
}

export function compileDevices(
  devices: Devices,
  architecture: Architecture,
  loader: 'bios' | 'efi',
): CompiledDevices {
  const video = compileVideo(devices, architecture, loader);
  const watchdog = compileWatchdog(devices);
  const tpm = compileTpm(devices);
  const sound = compileSound(devices);
  const isLogged = devices.logSerialConsole !== false;
  return {
    rng: devices.rng !== undefined,
    balloon: devices.autoattachMemBalloon !== false,
    ...(video === undefined ? {} : { video }),
    inputs: compileInputs(devices, architecture),
    ...(watchdog === undefined ? {} : { watchdog }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(sound === undefined ? {} : { sound }),
    panic: compilePanicDevices(devices, architecture),
    hostDevices: compileHostDevices(devices),
    console: devices.autoattachSerialConsole === false ? 'none' : isLogged ? 'logged' : 'unlogged',
    transitional: devices.useVirtioTransitional === true,
    hotplug: devices.disableHotplug !== true,
  };
}

/** To come after the disks' arguments, which may have made the USB bus. */
export function deviceArguments(
  { devices, disks, architecture }: CompiledMachine,
  { run, hostDevices }: CommandEnvironment,
  pci: PciLayout,
): string[] {
  const needsUsb =
    devices.inputs.some(({ bus }) => bus === 'usb') || hostDevices.some(({ bus }) => bus === 'usb');
  const hasUsb = disks.some(({ bus }) => bus === 'usb');
  return [
    ...(devices.rng ? rngArguments(pci) : []),
    ...(devices.balloon ? balloonArguments(pci) : []),
    ...graphicsArguments(devices.video, architecture, run, pci),
    ...(needsUsb && !hasUsb ? usbArguments(pci) : []),
    ...inputArguments(devices.inputs, pci),
    ...watchdogArguments(devices.watchdog, pci),
    ...tpmArguments(devices.tpm, run, architecture),
    ...soundArguments(devices.sound, pci),
    ...panicArguments(devices.panic, pci),
    ...hostDeviceArguments(hostDevices, pci),
  ];
}
