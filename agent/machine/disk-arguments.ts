import type { BlockSizes, CompiledDisk, ErrorPolicy } from './disk.ts';
import { diskFile } from './disk.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** What only the box knows of a disk. */
export interface FoundDisk {
  /** Its real path, where it is in no machine's folder. */
  readonly path?: string;
  readonly isDevice: boolean;
  readonly format: 'qcow2' | 'raw';
  /** Of what it lies on, for disks that take these over. */
  readonly blockSizes?: { readonly logical: number; readonly physical: number };
}

/** The q35 chipset's own SATA controller has this many ports; further disks get further controllers. */
const SATA_PORTS = 6;
/** How many disks a USB controller takes: QEMU's limit of ports of one speed. */
const USB_PORTS = 15;

/** The ids of the controllers that disks share. */
export const SCSI_CONTROLLER = 'scsi0';
export const USB_CONTROLLER = 'usb';

const ON_ERROR: Readonly<Record<ErrorPolicy, { werror: string; rerror: string }>> = {
  // An error of the box's disk holds the guest, instead of becoming an error of its file system.
  stop: { werror: 'stop', rerror: 'stop' },
  ignore: { werror: 'ignore', rerror: 'ignore' },
  report: { werror: 'report', rerror: 'report' },
  enospace: { werror: 'enospc', rerror: 'report' },
};

/** The id of an I/O thread that serves one disk only. */
export function dedicatedIoThread(disk: string): string {
  return `io-${disk}`;
}

/**
 * `buffered` names the disks whose file system has no O_DIRECT: they go through the host's page cache. `found` has
 * what the box knows, for those where that matters.
 */
export function diskArguments(
  disks: readonly CompiledDisk[],
  buffered: ReadonlySet<string>,
  found: ReadonlyMap<string, FoundDisk>,
  pci: PciLayout,
  nameNode = (index: number) => `disk${index}`,
): string[] {
  const count = { virtio: 0, sata: 0, scsi: 0, usb: 0 };
  return disks.flatMap((disk, index) => {
    // QEMU takes at most 31 characters, less than a volume's name may have.
    const node = nameNode(index);
    const number = count[disk.bus]++;
    const isEmpty = disk.content.from === 'nothing';
    const box = found.get(disk.name);
    const shared = {
      id: `disk-${disk.name}`,
      drive: isEmpty ? undefined : node,
      ...deviceProperties(disk, box),
    };
    return [
      ...controllerArguments(disk, number, pci),
      ...(isEmpty ? [] : ['-blockdev', blockNode(node, disk, buffered.has(disk.name), box)]),
      '-device',
      deviceOf(disk, number, shared, pci),
    ];
  });
}

function deviceProperties(disk: CompiledDisk, box: FoundDisk | undefined) {
  const { logical, physical, discardGranularity } = blockSizesOf(disk, box);
  return {
    bootindex: disk.bootIndex,
    serial: disk.serial,
    'write-cache': disk.readonly ? undefined : disk.cache !== 'writethrough',
    'share-rw': disk.shareable === true ? true : undefined,
    logical_block_size: logical,
    physical_block_size: physical,
    discard_granularity: discardGranularity,
    ...(disk.content.from === 'nothing' ? {} : ON_ERROR[disk.errorPolicy ?? 'stop']),
  };
}

function blockSizesOf(
  { bus, cdrom, blockSizes }: CompiledDisk,
  box: FoundDisk | undefined,
): Partial<BlockSizes> {
  const none = {};
  if (blockSizes !== 'volume') return blockSizes ?? none;
  // A SATA disk's logical blocks have 512 bytes whatever it lies on, and a CD-ROM's 2048.
  if (cdrom || box?.blockSizes === undefined) return none;
  return bus === 'sata' ? { ...box.blockSizes, logical: 512 } : box.blockSizes;
}

/** The controllers and threads that come before a disk: with the first that needs them. */
function controllerArguments(
  { bus, ioThread, name }: CompiledDisk,
  number: number,
  pci: PciLayout,
): string[] {
  const controller = (kind: string, id: string, properties: object = {}, isLive = false) => [
    '-device',
    formatOptions(kind, { id, ...properties, ...(isLive ? pci.placeOnPort(id) : pci.placeOnRoot(id)) }),
  ];
  switch (bus) {
    case 'virtio': {
      const isOwn = ioThread !== undefined && ioThread === dedicatedIoThread(name);
      return isOwn ? ['-object', formatOptions('iothread', { id: ioThread })] : [];
    }
    case 'scsi':
      return number === 0 ? controller('virtio-scsi-pci', SCSI_CONTROLLER, {}, true) : [];
    case 'usb':
      return number === 0 ? controller('qemu-xhci', USB_CONTROLLER, { p2: USB_PORTS, p3: USB_PORTS }) : [];
    case 'sata':
      return number > 0 && number % SATA_PORTS === 0 ? controller('ich9-ahci', sataController(number)) : [];
  }
}

function sataController(number: number): string {
  const controller = Math.floor(number / SATA_PORTS);
  return controller === 0 ? 'ide' : `sata${controller}`;
}

function deviceOf(
  disk: CompiledDisk,
  number: number,
  shared: Readonly<Record<string, string | number | boolean | undefined>> & { readonly id: string },
  pci: PciLayout,
): string {
  switch (disk.bus) {
    case 'virtio':
      return formatOptions('virtio-blk-pci', {
        ...shared,
        iothread: disk.ioThread,
        ...pci.placeOnPort(shared.id),
      });
    case 'scsi': {
      // All are units of one target, as with libvirt, so that a guest finds them where KubeVirt has them.
      const place = {
        bus: `${SCSI_CONTROLLER}.0`,
        channel: 0,
        'scsi-id': 0,
        lun: pci.placeOnScsi(shared.id),
      };
      return formatOptions(disk.cdrom ? 'scsi-cd' : 'scsi-hd', { ...shared, ...place });
    }
    case 'usb':
      return formatOptions('usb-storage', { ...shared, bus: `${USB_CONTROLLER}.0`, removable: false });
    case 'sata': {
      const bus = `${sataController(number)}.${number % SATA_PORTS}`;
      return formatOptions(disk.cdrom ? 'ide-cd' : 'ide-hd', { ...shared, bus });
    }
  }
}

function blockNode(node: string, disk: CompiledDisk, buffered: boolean, box: FoundDisk | undefined): string {
  const format = box?.format ?? (disk.content.from === 'seed' ? 'raw' : 'qcow2');
  const isDirect = !buffered && disk.cache === 'none';
  // A block device is served best by native I/O, which only works past the page cache.
  const io = disk.io ?? (box?.isDevice === true ? 'native' : undefined);
  return formatOptions(undefined, {
    driver: format,
    // QEMU takes at most 31 characters, less than a volume's name may have.
    'node-name': node,
    'read-only': disk.readonly,
    'cache.direct': isDirect,
    'cache.no-flush': false,
    discard: disk.readonly ? undefined : 'unmap',
    'file.driver': box?.isDevice === true ? 'host_device' : 'file',
    'file.filename': box?.path ?? diskFile(disk),
    'file.aio': io === 'native' && !isDirect ? undefined : io,
  });
}
