import type { PreferenceSpec } from '../../shared/model/preference.ts';
import type { Expansion, Json } from './expansion.ts';
import { fillAt, findAt, itemsAt } from './expansion.ts';

/** What a preference gives a machine where its spec leaves it open, as KubeVirt has it: pure. */

const DEVICES = 'domain.devices';

/** Single values: from their place in the preference to the one in the machine's spec. */
const MOVES: readonly (readonly [string, string])[] = [
  ['devices.preferredAutoattachGraphicsDevice', `${DEVICES}.autoattachGraphicsDevice`],
  ['devices.preferredAutoattachInputDevice', `${DEVICES}.autoattachInputDevice`],
  ['devices.preferredAutoattachMemBalloon', `${DEVICES}.autoattachMemBalloon`],
  ['devices.preferredAutoattachPodInterface', `${DEVICES}.autoattachPodInterface`],
  ['devices.preferredAutoattachSerialConsole', `${DEVICES}.autoattachSerialConsole`],
  ['devices.preferredBlockMultiQueue', `${DEVICES}.blockMultiQueue`],
  ['devices.preferredDisableHotplug', `${DEVICES}.disableHotplug`],
  ['devices.preferredNetworkInterfaceMultiQueue', `${DEVICES}.networkInterfaceMultiqueue`],
  ['devices.preferredRng', `${DEVICES}.rng`],
  ['devices.preferredTPM', `${DEVICES}.tpm`],
  ['devices.preferredUseVirtioTransitional', `${DEVICES}.useVirtioTransitional`],
  ['devices.preferredVideoType', `${DEVICES}.video.type`],
  ['features.preferredAcpi', 'domain.features.acpi'],
  ['features.preferredApic', 'domain.features.apic'],
  ['features.preferredKvm', 'domain.features.kvm'],
  ['features.preferredPvspinlock', 'domain.features.pvspinlock'],
  ['features.preferredSmm', 'domain.features.smm'],
  ['machine.preferredMachineType', 'domain.machine.type'],
  ['clock.preferredTimer', 'domain.clock.timer'],
  ['preferredArchitecture', 'architecture'],
  ['preferredLaunchSecurity', 'domain.launchSecurity'],
  ['preferredSubdomain', 'subdomain'],
  ['preferredTerminationGracePeriodSeconds', 'terminationGracePeriodSeconds'],
];

/** For the members of lists: from the preference to the member; only where the second one is there, where it is given. */
const ITEM_MOVES: readonly (readonly [string, string, string, string?])[] = [
  ['devices.preferredDiskBus', `${DEVICES}.disks`, 'disk.bus', 'disk'],
  ['devices.preferredDiskBlockSize', `${DEVICES}.disks`, 'blockSize', 'disk'],
  ['devices.preferredDiskCache', `${DEVICES}.disks`, 'cache', 'disk'],
  ['devices.preferredDiskIO', `${DEVICES}.disks`, 'io', 'disk'],
  ['devices.preferredCdromBus', `${DEVICES}.disks`, 'cdrom.bus', 'cdrom'],
  ['devices.preferredLunBus', `${DEVICES}.disks`, 'lun.bus', 'lun'],
  ['devices.preferredInputBus', `${DEVICES}.inputs`, 'bus'],
  ['devices.preferredInputType', `${DEVICES}.inputs`, 'type'],
  ['devices.preferredInterfaceModel', `${DEVICES}.interfaces`, 'model'],
  ['devices.preferredPanicDeviceModel', `${DEVICES}.panicDevices`, 'model'],
  ['devices.preferredVirtualGPUOptions', `${DEVICES}.gpus`, 'virtualGPUOptions'],
];

/** Ways in which an interface is bound to its network. */
const BINDINGS = ['bridge', 'masquerade', 'macvtap', 'passt', 'passtBinding', 'slirp', 'sriov', 'binding'];

export function applyPreference(expansion: Expansion, preference: PreferenceSpec): void {
  const { spec } = expansion;
  const fill = (source: string, target: string, value: unknown) => {
    if (value === undefined || isSet(findAt(spec, target))) return;
    fillAt(expansion, { target, from: 'preference', source }, value);
  };
  addImplied(spec, preference);
  for (const [source, target] of MOVES) fill(source, target, findAt(preference, source));
  for (const [source, list, member, beside] of ITEM_MOVES) {
    const value = findAt(preference, source);
    for (const { item, path } of itemsAt(spec, list)) {
      if (beside === undefined || isSet(item[beside])) fill(source, `${path}.${member}`, value);
    }
  }
  const { devices, features, clock } = preference;
  for (const { item, path } of itemsAt(spec, `${DEVICES}.disks`)) {
    if (findAt(item, 'disk.bus') !== 'virtio') continue;
    const source = 'devices.preferredDiskDedicatedIoThread';
    fill(source, `${path}.dedicatedIOThread`, devices?.preferredDiskDedicatedIoThread);
  }
  for (const { item, path } of itemsAt(spec, `${DEVICES}.interfaces`)) {
    if (BINDINGS.some((binding) => isSet(item[binding])) || !isOnPodNetwork(spec, item)) continue;
    const source = 'devices.preferredInterfaceMasquerade';
    fill(source, `${path}.masquerade`, devices?.preferredInterfaceMasquerade);
  }
  // A model says how a device is made; whether there is one is for the machine to say.
  if (isSet(findAt(spec, `${DEVICES}.sound`))) {
    fill('devices.preferredSoundModel', `${DEVICES}.sound.model`, devices?.preferredSoundModel);
  }
  if (
    devices?.preferredPanicDeviceModel !== undefined &&
    itemsAt(spec, `${DEVICES}.panicDevices`).length === 0
  ) {
    const panicDevices = [{ model: devices.preferredPanicDeviceModel }];
    fill('devices.preferredPanicDeviceModel', `${DEVICES}.panicDevices`, panicDevices);
  }
  for (const [name, value] of Object.entries(features?.preferredHyperv ?? {})) {
    fill('features.preferredHyperv', `domain.features.hyperv.${name}`, value);
  }
  if (!isSet(findAt(spec, 'domain.clock.utc')) && !isSet(findAt(spec, 'domain.clock.timezone'))) {
    for (const [name, value] of Object.entries(clock?.preferredClockOffset ?? {})) {
      fill('clock.preferredClockOffset', `domain.clock.${name}`, value);
    }
  }
  addFeatures(expansion, preference);
  applyFirmware(spec, preference, fill);
}

/** What the machine has without saying so, where a preference would change how it is made. */
function addImplied(spec: Json, { devices }: PreferenceSpec): void {
  if (devices === undefined) return;
  const inside = findAt(spec, DEVICES) as Json;
  const disks = itemsAt(spec, `${DEVICES}.disks`);
  for (const { item } of disks) {
    if (!isSet(item['disk']) && !isSet(item['cdrom']) && !isSet(item['lun'])) item['disk'] = {};
  }
  const named = new Set(
    [...disks, ...itemsAt(spec, `${DEVICES}.filesystems`)].map(({ item }) => item['name']),
  );
  const unnamed = itemsAt(spec, 'volumes').filter(({ item }) => !named.has(item['name']));
  const prefersDisk = Object.keys(devices).some((name) => name.startsWith('preferredDisk'));
  if (unnamed.length > 0 && prefersDisk) {
    const added = unnamed.map(({ item }) => ({ name: item['name'], disk: {} }));
    inside['disks'] = [...disks.map(({ item }) => item), ...added];
  }
  const isAttached =
    (findAt(inside, 'autoattachPodInterface') ?? devices.preferredAutoattachPodInterface) !== false;
  const hasNone =
    itemsAt(spec, `${DEVICES}.interfaces`).length === 0 && itemsAt(spec, 'networks').length === 0;
  if (devices.preferredInterfaceModel === undefined || !isAttached || !hasNone) return;
  inside['interfaces'] = [{ name: 'default', masquerade: {} }];
  spec['networks'] = [{ name: 'default', pod: {} }];
}

function isOnPodNetwork(spec: Json, { name }: Json): boolean {
  return itemsAt(spec, 'networks').some(({ item }) => item['name'] === name && isSet(item['pod']));
}

/** CPU features are added to those that the machine names itself. */
function addFeatures(expansion: Expansion, { cpu }: PreferenceSpec): void {
  const target = 'domain.cpu.features';
  const own = itemsAt(expansion.spec, target).map(({ item }) => item);
  const names = new Set(own.map(({ name }) => name));
  const added = (cpu?.preferredCPUFeatures ?? []).filter(({ name }) => !names.has(name));
  if (added.length === 0) return;
  const fill = { target, from: 'preference', source: 'cpu.preferredCPUFeatures' } as const;
  fillAt(expansion, fill, [...own, ...added]);
}

/** A machine boots by one of BIOS and UEFI: which of them its own spec says stands. */
function applyFirmware(
  spec: Json,
  { firmware = {} }: PreferenceSpec,
  fill: (source: string, target: string, value: unknown) => void,
): void {
  const bootloader = 'domain.firmware.bootloader';
  const has = (name: string) => isSet(findAt(spec, `${bootloader}.${name}`));
  const isOpen = () => !has('bios') && !has('efi');
  if (firmware.preferredUseBios === true && isOpen())
    fill('firmware.preferredUseBios', `${bootloader}.bios`, {});
  if (has('bios')) {
    fill('firmware.preferredUseBiosSerial', `${bootloader}.bios.useSerial`, firmware.preferredUseBiosSerial);
  }
  if (isOpen() && firmware.preferredEfi !== undefined) {
    fill('firmware.preferredEfi', `${bootloader}.efi`, firmware.preferredEfi);
    return;
  }
  if (firmware.preferredUseEfi === true && isOpen())
    fill('firmware.preferredUseEfi', `${bootloader}.efi`, {});
  if (has('efi')) {
    fill('firmware.preferredUseSecureBoot', `${bootloader}.efi.secureBoot`, firmware.preferredUseSecureBoot);
  }
}

/** Go's clients leave out what is empty, so that an empty text says no more than none. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
