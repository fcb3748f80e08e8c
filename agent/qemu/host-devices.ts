import { chown, readFile, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import type { DeviceSelector, Equipment } from '../machine/equipment.ts';
import { parseCpuList } from '../machine/equipment.ts';
import type { HostDeviceAddress } from '../machine/host-device.ts';
import type { Account } from './launch.ts';

/** The box's devices and NUMA nodes, as sysfs tells of them. */
export interface HostDevices {
  /** Those that are there of a resource. */
  find(resource: string): Promise<HostDeviceAddress[]>;
  /**
   * Makes a device ready for QEMU's user.
   * @throws EffectError DeviceNotReady
   */
  handOver(device: HostDeviceAddress, account: Account | undefined): Promise<void>;
  nodes(): Promise<{ node: number; cpus: number[] }[]>;
}

export function createHostDevices(
  offered: Equipment['hostDevices'],
  sys = '/sys',
  dev = '/dev',
): HostDevices {
  const pci = join(sys, 'bus/pci/devices');
  const usb = join(sys, 'bus/usb/devices');

  const handOverPci = async (address: string, account: Account | undefined) => {
    const fail = (why: string) =>
      new EffectError('DeviceNotReady', address, `the PCI device ${address} ${why}`);
    const driver = await linkedName(join(pci, address, 'driver'));
    if (driver !== 'vfio-pci') {
      const now = driver === undefined ? 'has no driver' : `is driven by ${driver}`;
      throw fail(`${now}: bind it to vfio-pci, e.g. with "driverctl set-override ${address} vfio-pci"`);
    }
    const group = await linkedName(join(pci, address, 'iommu_group'));
    if (group === undefined)
      throw fail("is in no IOMMU group: switch on the IOMMU in the box's firmware and kernel");
    if (account !== undefined) await chown(join(dev, 'vfio', group), account.uid, account.gid);
  };

  const handOverUsb = async (place: string, account: Account | undefined) => {
    if (account === undefined) return;
    const [bus, number] = await Promise.all(
      ['busnum', 'devnum'].map(async (name) => readWord(join(usb, place, name))),
    );
    const path = join(dev, 'bus/usb', bus?.padStart(3, '0') ?? '', number?.padStart(3, '0') ?? '');
    await chown(path, account.uid, account.gid);
  };

  return {
    async find(resource) {
      const selectors = offered
        .filter((offer) => offer.resource === resource)
        .map(({ selector }) => selector);
      const [pciDevices, usbDevices] = await Promise.all([
        listDevices(pci, 'vendor', 'device'),
        listDevices(usb, 'idVendor', 'idProduct'),
      ]);
      return [
        ...pciDevices
          .filter((device) => selectors.some((selector) => isMeant(selector, 'pci', device)))
          .map(({ name }) => ({ bus: 'pci', address: name }) as const),
        ...usbDevices
          .filter((device) => selectors.some((selector) => isMeant(selector, 'usb', device)))
          .map(({ name }) => ({ bus: 'usb', place: name }) as const),
      ];
    },
    async handOver(device, account) {
      if (device.bus === 'pci') return handOverPci(device.address, account);
      return handOverUsb(device.place, account);
    },
    async nodes() {
      const folder = join(sys, 'devices/system/node');
      const names = (await readFolder(folder)).filter((name) => /^node\d+$/.test(name));
      return Promise.all(
        names.map(async (name) => ({
          node: Number(name.slice('node'.length)),
          cpus: parseCpuList((await readWord(join(folder, name, 'cpulist'))) ?? ''),
        })),
      );
    },
  };
}

interface SeenDevice {
  readonly name: string;
  readonly vendor: string | undefined;
  readonly product: string | undefined;
}

function isMeant(selector: DeviceSelector, bus: 'pci' | 'usb', device: SeenDevice): boolean {
  if (selector.bus !== bus) return false;
  if ('address' in selector) return selector.address === device.name;
  return selector.vendor === device.vendor && selector.product === device.product;
}

async function listDevices(folder: string, vendorFile: string, productFile: string): Promise<SeenDevice[]> {
  const names = (await readFolder(folder)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const [vendor, product] = await Promise.all(
        [vendorFile, productFile].map(async (file) => readWord(join(folder, name, file))),
      );
      return { name, vendor: vendor?.replace(/^0x/, ''), product: product?.replace(/^0x/, '') };
    }),
  );
}

/** Nothing where there is no such folder: a box without the bus. */
async function readFolder(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    return [];
  });
}

async function readWord(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function linkedName(path: string): Promise<string | undefined> {
  return readlink(path).then(
    (target) => basename(target),
    () => undefined,
  );
}
