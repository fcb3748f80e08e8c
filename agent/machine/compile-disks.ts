import { assert } from '../../shared/base/assert.ts';
import { quantityBytes } from '../../shared/base/quantity.ts';
import type { DataVolumeTemplate } from '../../shared/model/data-volume.ts';
import type { Disk } from '../../shared/model/domain/disk.ts';
import { busOf } from '../../shared/model/domain/disk.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { Volume } from '../../shared/model/volume/volume.ts';
import { cloudInitOf } from '../../shared/model/volume/volume.ts';
import { dedicatedIoThread } from './disk-arguments.ts';
import type { BlockSizes, CompiledDisk, DiskContent, ForeignDisk, KeptContent } from './disk.ts';
import { SEED_FILE, seedFile } from './files.ts';
import type { VolumeOwner } from './image-source.ts';
import { compileContainerImage, compileVolumeSource } from './image-source.ts';
import { compileFiles } from './seed-files.ts';
import { compileSeed } from './seed.ts';

/** The disks in their order, and after them a SATA disk for each volume that no disk names (as in KubeVirt). */
export function compileDisks(desired: DesiredMachine): CompiledDisk[] {
  const { volumes = [] } = desired.spec;
  const named = desired.spec.domain.devices.disks ?? [];
  const names = new Set(named.map(({ name }) => name));
  const disks: Disk[] = [
    ...named,
    ...volumes.filter(({ name }) => !names.has(name)).map(({ name }) => ({ name })),
  ];
  const bootIndexes = rankBootOrders(disks);
  return disks.map((disk, index) => {
    const volume = volumes.find(({ name }) => name === disk.name);
    assert(volume !== undefined || disk.cdrom !== undefined, `the schema asks for a volume ${disk.name}`);
    return compileDisk(disk, volume, desired, bootIndexes[index]);
  });
}

function compileDisk(
  disk: Disk,
  volume: Volume | undefined,
  desired: DesiredMachine,
  bootIndex: number | undefined,
): CompiledDisk {
  const isEmpty = volume === undefined || disk.cdrom?.tray === 'open';
  const content = isEmpty ? ({ from: 'nothing' } as const) : compileContent(volume, desired);
  const bus = busOf(disk);
  const readonly =
    disk.cdrom !== undefined ||
    disk.disk?.readonly === true ||
    volume?.persistentVolumeClaim?.readOnly === true ||
    content.from === 'seed';
  const { serial, io, errorPolicy } = disk;
  const blockSizes = compileBlockSizes(disk);
  return {
    name: disk.name,
    content,
    bus,
    // A SATA disk can't be read-only, a SATA CD-ROM can (libvirt refuses the former).
    cdrom: disk.cdrom !== undefined || (bus === 'sata' && readonly),
    readonly,
    cache: disk.cache ?? 'none',
    ...(isHotPluggable(volume) ? { hotpluggable: true } : {}),
    ...(bootIndex === undefined ? {} : { bootIndex }),
    ...(serial === undefined ? {} : { serial }),
    ...(io === undefined || io === 'default' ? {} : { io }),
    ...(errorPolicy === undefined || errorPolicy === 'stop' ? {} : { errorPolicy }),
    ...(disk.shareable === true || volume?.hostDisk?.shared === true ? { shareable: true } : {}),
    ...(blockSizes === undefined ? {} : { blockSizes }),
    ...(disk.dedicatedIOThread === true ? { ioThread: dedicatedIoThread(disk.name) } : {}),
  };
}

function isHotPluggable(volume: Volume | undefined): boolean {
  const { dataVolume, persistentVolumeClaim: claim } = volume ?? {};
  return (dataVolume ?? claim)?.hotpluggable === true;
}

function compileBlockSizes({ blockSize }: Disk): BlockSizes | 'volume' | undefined {
  const { custom, matchVolume } = blockSize ?? {};
  if (custom !== undefined) {
    const { logical, physical, discardGranularity } = custom;
    return { logical, physical, ...(discardGranularity === undefined ? {} : { discardGranularity }) };
  }
  return matchVolume !== undefined && matchVolume.enabled !== false ? 'volume' : undefined;
}

/** Without any `bootOrder` the disks are tried in their order, with one only those that have it. */
function rankBootOrders(disks: readonly Disk[]): (number | undefined)[] {
  if (disks.every(({ bootOrder }) => bootOrder === undefined)) return disks.map((_, index) => index + 1);
  const ranked = disks.filter(({ bootOrder }) => bootOrder !== undefined);
  ranked.sort((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0));
  return disks.map((disk) => (disk.bootOrder === undefined ? undefined : ranked.indexOf(disk) + 1));
}

function compileContent(volume: Volume, desired: DesiredMachine): DiskContent {
  const { dataVolume, persistentVolumeClaim: claim, hostDisk } = volume;
  if (volume.emptyDisk !== undefined)
    return { from: 'empty', bytes: quantityBytes(volume.emptyDisk.capacity) };
  if (volume.containerDisk !== undefined) {
    const { path } = volume.containerDisk;
    const source = compileContainerImage(volume.containerDisk, desired.references);
    return { from: 'container', source: { ...source, ...(path === undefined ? {} : { path }) } };
  }
  if (dataVolume !== undefined) {
    const content = compileOwn(dataVolume.name, desired) ?? findOther(dataVolume.name, desired);
    if (content !== undefined) return content;
    throw new Error(`volume ${volume.name}: no data volume has the name ${dataVolume.name}`);
  }
  if (claim !== undefined)
    return compileOwn(claim.claimName, desired) ?? compileClaim(claim.claimName, desired);
  if (volume.ephemeral !== undefined) {
    const { claimName } = volume.ephemeral.persistentVolumeClaim;
    if (compileOwn(claimName, desired) === undefined)
      return { from: 'layer', over: compileClaim(claimName, desired) };
    const what = `volume ${volume.name} can't be a layer over ${claimName}, which is a disk of this machine alone`;
    throw new Error(`${what}: use it as dataVolume, or make it a DataVolume of its own`);
  }
  if (hostDisk !== undefined) {
    const { path, capacity } = hostDisk;
    return { from: 'host', path, ...(capacity === undefined ? {} : { bytes: quantityBytes(capacity) }) };
  }
  const cloudInit = cloudInitOf(volume);
  if (cloudInit !== undefined)
    return { from: 'seed', file: SEED_FILE, image: compileSeed(volume, cloudInit, desired) };
  return { from: 'seed', file: seedFile(volume.name), image: compileFiles(volume, desired) };
}

/** The machine's own disk of a data volume, where one of its templates has the name. */
function compileOwn(name: string, desired: DesiredMachine): DiskContent | undefined {
  const template = desired.dataVolumes.find(({ metadata }) => metadata.name === name);
  return template === undefined ? undefined : compileVolume(template, desired);
}

/** What the disk of a data volume is made with, once. @throws Error with a sentence on what is missing */
export function compileVolume({ metadata, spec }: DataVolumeTemplate, owner: VolumeOwner): KeptContent {
  const { source, storage, pvc } = spec;
  const size = (storage ?? pvc)?.resources?.requests?.storage;
  const bytes = size === undefined ? 0 : quantityBytes(size);
  const dataVolume = metadata.name;
  const image = compileVolumeSource(source, dataVolume, owner);
  if (image === undefined) return { from: 'blank', dataVolume, bytes };
  return { from: 'image', dataVolume, source: image, minBytes: bytes };
}

/** A claim is a data volume of that name, as CDI makes one for each, or else something that the box has. */
function compileClaim(name: string, desired: DesiredMachine): ForeignDisk {
  return findOther(name, desired) ?? { from: 'claim', claim: `${desired.namespace}/${name}` };
}

function findOther(name: string, { references }: DesiredMachine): ForeignDisk | undefined {
  const found = references?.dataVolumes?.[name];
  return found === undefined ? undefined : { from: 'other', ...found };
}
