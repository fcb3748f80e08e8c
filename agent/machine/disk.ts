import { assert } from '../../shared/base/assert.ts';
import { quantityBytes } from '../../shared/base/quantity.ts';
import type { DataVolumeTemplate } from '../../shared/model/data-volume.ts';
import type { Disk } from '../../shared/model/domain/disk.ts';
import type { InstanceSpec } from '../../shared/model/instance-spec.ts';
import type { Volume } from '../../shared/model/volume/volume.ts';
import { SEED_FILE, keptDiskFile, scratchDiskFile } from './files.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** Where a base image comes from. */
export interface ImageSource {
  readonly url: string;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256?: string;
}

/** One text per source, for maps. */
export function sourceKey({ url, sha256 }: ImageSource): string {
  return sha256 === undefined ? url : `sha256:${sha256}`;
}

export type DiskContent =
  /** An overlay over an image, made once, at least `minBytes` large. */
  | {
      readonly from: 'image';
      readonly dataVolume: string;
      readonly source: ImageSource;
      readonly minBytes: number;
    }
  /** A blank disk, made once. */
  | { readonly from: 'blank'; readonly dataVolume: string; readonly bytes: number }
  /** A blank disk, made anew at each start (`emptyDisk`). */
  | { readonly from: 'empty'; readonly bytes: number }
  /** `CompiledMachine.seed` as `seed.iso`, made anew at each start; always read-only. */
  | { readonly from: 'seed' };

/** A disk: the file `diskFile` in the machine's folder. */
export interface CompiledDisk {
  /** The volume's name. */
  readonly name: string;
  readonly content: DiskContent;
  readonly bus: 'virtio' | 'sata';
  readonly cdrom: boolean;
  readonly readonly: boolean;
  /** From 1; the guest boots from the lowest first. */
  readonly bootIndex?: number;
  readonly serial?: string;
  readonly cache: 'none' | 'writethrough' | 'writeback';
  /** Whether it may come and go while the guest runs. */
  readonly hotpluggable?: true;
}

/** The disks in their order, and after them a SATA disk for each volume that no disk names (as in KubeVirt). */
export function compileDisks(spec: InstanceSpec, dataVolumes: readonly DataVolumeTemplate[]): CompiledDisk[] {
  const { volumes = [] } = spec;
  const named = spec.domain.devices.disks ?? [];
  const names = new Set(named.map(({ name }) => name));
  const disks: Disk[] = [
    ...named,
    ...volumes.filter(({ name }) => !names.has(name)).map(({ name }) => ({ name })),
  ];
  const bootIndexes = rankBootOrders(disks);
  return disks.map((disk, index) => {
    const volume = volumes.find(({ name }) => name === disk.name);
    assert(volume !== undefined, `the schema asks for a volume named ${disk.name}`);
    const content = compileContent(volume, dataVolumes);
    const bootIndex = bootIndexes[index];
    const bus = disk.disk?.bus ?? 'sata';
    const readonly = disk.cdrom !== undefined || disk.disk?.readonly === true || content.from === 'seed';
    return {
      name: disk.name,
      content,
      bus,
      // A SATA disk can't be read-only, a SATA CD-ROM can (libvirt refuses the former).
      cdrom: bus === 'sata' && readonly,
      readonly,
      cache: disk.cache ?? 'none',
      ...(volume.dataVolume?.hotpluggable === true ? { hotpluggable: true } : {}),
      ...(bootIndex === undefined ? {} : { bootIndex }),
      ...(disk.serial === undefined ? {} : { serial: disk.serial }),
    };
  });
}

/** Without any `bootOrder` the disks are tried in their order, with one only those that have it. */
function rankBootOrders(disks: readonly Disk[]): (number | undefined)[] {
  if (disks.every(({ bootOrder }) => bootOrder === undefined)) return disks.map((_, index) => index + 1);
  // QEMU refuses an index that is given twice: the first of equals goes first.
  const ranked = disks.filter(({ bootOrder }) => bootOrder !== undefined);
  ranked.sort((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0));
  return disks.map((disk) => (disk.bootOrder === undefined ? undefined : ranked.indexOf(disk) + 1));
}

function compileContent(volume: Volume, dataVolumes: readonly DataVolumeTemplate[]): DiskContent {
  if (volume.cloudInitNoCloud !== undefined) return { from: 'seed' };
  if (volume.emptyDisk !== undefined)
    return { from: 'empty', bytes: quantityBytes(volume.emptyDisk.capacity) };
  const template = dataVolumes.find(({ metadata }) => metadata.name === volume.dataVolume?.name);
  assert(template !== undefined, `the schema asks for a dataVolumeTemplate of volume ${volume.name}`);
  const { source, storage, pvc } = template.spec;
  const size = (storage ?? pvc)?.resources?.requests?.storage;
  const bytes = size === undefined ? 0 : quantityBytes(size);
  const dataVolume = template.metadata.name;
  if (source.http === undefined) return { from: 'blank', dataVolume, bytes };
  const { url, checksum } = source.http;
  const sha256 = checksum?.slice('sha256:'.length).toLowerCase();
  const image = { url, ...(sha256 === undefined ? {} : { sha256 }) };
  return { from: 'image', dataVolume, source: image, minBytes: bytes };
}

/** The q35 chipset's own SATA controller has this many ports; further disks get further controllers. */
const SATA_PORTS = 6;

/** `buffered` names the disks whose file system has no O_DIRECT: they go through the host's page cache. */
export function diskArguments(
  disks: readonly CompiledDisk[],
  buffered: ReadonlySet<string>,
  pci: PciLayout,
  nameNode = (index: number) => `disk${index}`,
): string[] {
  let sataDisks = 0;
  return disks.flatMap((disk, index) => {
    // QEMU takes at most 31 characters, less than a volume's name may have.
    const node = nameNode(index);
    const shared = {
      id: `disk-${disk.name}`,
      drive: node,
      bootindex: disk.bootIndex,
      serial: disk.serial,
      'write-cache': disk.readonly ? undefined : disk.cache !== 'writethrough',
      // An error of the box's disk holds the guest, instead of becoming an error of its file system.
      werror: 'stop',
      rerror: 'stop',
    };
    const backend = ['-blockdev', blockNode(node, disk, buffered.has(disk.name))];
    if (disk.bus === 'virtio') {
      const address = pci.placeOnPort(shared.id);
      return [...backend, '-device', formatOptions('virtio-blk-pci', { ...shared, ...address })];
    }
    const controller = Math.floor(sataDisks / SATA_PORTS);
    const port = sataDisks++ % SATA_PORTS;
    const bus = controller === 0 ? `ide.${port}` : `sata${controller}.${port}`;
    const added =
      controller > 0 && port === 0
        ? [
            '-device',
            formatOptions('ich9-ahci', { id: `sata${controller}`, ...pci.placeOnRoot(`sata${controller}`) }),
          ]
        : [];
    return [
      ...backend,
      ...added,
      '-device',
      formatOptions(disk.cdrom ? 'ide-cd' : 'ide-hd', { ...shared, bus }),
    ];
  });
}

function blockNode(node: string, disk: CompiledDisk, buffered: boolean): string {
  return formatOptions(undefined, {
    driver: disk.content.from === 'seed' ? 'raw' : 'qcow2',
    'node-name': node,
    'read-only': disk.readonly,
    'cache.direct': !buffered && disk.cache === 'none',
    'cache.no-flush': false,
    discard: disk.readonly ? undefined : 'unmap',
    'file.driver': 'file',
    'file.filename': diskFile(disk),
  });
}

/** Whether it can come and go while the guest runs. */
export function canHotPlugDisk({ hotpluggable, bus }: CompiledDisk): boolean {
  return hotpluggable === true && bus === 'virtio';
}

/** The file of a disk in its machine's folder. */
export function diskFile({ name, content }: CompiledDisk): string {
  switch (content.from) {
    case 'image':
    case 'blank':
      return keptDiskFile(content.dataVolume);
    case 'empty':
      return scratchDiskFile(name);
    case 'seed':
      return SEED_FILE;
  }
}

/** The data volumes of the disks that are made once and then kept. */
export function keptDisks({ disks }: { readonly disks: readonly CompiledDisk[] }): string[] {
  return disks.flatMap(({ content }) => ('dataVolume' in content ? [content.dataVolume] : []));
}

/** Whether a disk is made once and then holds what the guest wrote. */
export function isKept({ content }: CompiledDisk): boolean {
  return content.from === 'image' || content.from === 'blank';
}
