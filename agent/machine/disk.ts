import type { DiskBus } from '../../shared/model/domain/disk.ts';
import { keptDiskFile, machineFile, scratchDiskFile } from './files.ts';
import type { ImageSource } from './image-source.ts';
import type { SeedImage } from './seed.ts';

/** A disk that is not of the machine's own making. */
export type ForeignDisk =
  /** The disk of a data volume in the folder of another entry. */
  | { readonly from: 'other'; readonly uid: string; readonly dataVolume: string }
  /** What the box's setting `claims` has for `namespace/name`: a raw image or a block device. */
  | { readonly from: 'claim'; readonly claim: string }
  /** A raw image in a folder of the box; made once, where it is not there, if `bytes` is given. */
  | { readonly from: 'host'; readonly path: string; readonly bytes?: number };

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
  | ForeignDisk
  /** An overlay over an image, made anew at each start (`containerDisk`). */
  | { readonly from: 'container'; readonly source: ImageSource }
  /** A blank disk, made anew at each start (`emptyDisk`). */
  | { readonly from: 'empty'; readonly bytes: number }
  /** A layer over a disk that is only read, made anew at each start (`ephemeral`). */
  | { readonly from: 'layer'; readonly over: ForeignDisk }
  /** An ISO image, made anew at each start; always read-only. */
  | { readonly from: 'seed'; readonly file: string; readonly image: SeedImage }
  /** A CD-ROM drive without a medium. */
  | { readonly from: 'nothing' };

/** A disk of its owner's, made once. */
export type KeptContent = Extract<DiskContent, { readonly from: 'image' | 'blank' }>;

/** What happens at an I/O error, in KubeVirt's words. */
export type ErrorPolicy = 'stop' | 'ignore' | 'report' | 'enospace';

export interface BlockSizes {
  readonly logical: number;
  readonly physical: number;
  readonly discardGranularity?: number;
}

/** A disk of a machine. What is optional is left out where it is as usual. */
export interface CompiledDisk {
  /** The volume's name. */
  readonly name: string;
  readonly content: DiskContent;
  readonly bus: DiskBus;
  readonly cdrom: boolean;
  readonly readonly: boolean;
  /** From 1; the guest boots from the lowest first. */
  readonly bootIndex?: number;
  readonly serial?: string;
  readonly cache: 'none' | 'writethrough' | 'writeback';
  readonly io?: 'native' | 'threads';
  readonly errorPolicy?: ErrorPolicy;
  /** Whether other machines may have it open and write. */
  readonly shareable?: boolean;
  /** `volume` are those of what the disk lies on. */
  readonly blockSizes?: BlockSizes | 'volume';
  /** Whether it may come and go while the guest runs. */
  readonly hotpluggable?: true;
  /** The I/O thread that serves it. */
  readonly ioThread?: string;
}

/** Whether it can come and go while the guest runs. */
export function canHotPlugDisk({ hotpluggable, bus, cdrom, ioThread }: CompiledDisk): boolean {
  return hotpluggable === true && !cdrom && ioThread === undefined && (bus === 'virtio' || bus === 'scsi');
}

/** The file of a disk that is in a machine's folder, relative to this machine's; undefined where only the box knows. */
export function diskFile({ name, content }: Pick<CompiledDisk, 'name' | 'content'>): string | undefined {
  switch (content.from) {
    case 'image':
    case 'blank':
      return keptDiskFile(content.dataVolume);
    case 'other':
      return machineFile(content.uid, keptDiskFile(content.dataVolume));
    case 'container':
    case 'empty':
    case 'layer':
      return scratchDiskFile(name);
    case 'seed':
      return content.file;
    case 'claim':
    case 'host':
    case 'nothing':
      return undefined;
  }
}

/** The data volumes of the machine's own disks that are made once and then kept. */
export function keptDisks({ disks }: { readonly disks: readonly CompiledDisk[] }): string[] {
  return disks.flatMap(({ content }) =>
    content.from === 'image' || content.from === 'blank' ? [content.dataVolume] : [],
  );
}

/** How large the machine's own disks are to be at least; 0 of one that is as large as its image. */
export function keptBytes({ disks }: { readonly disks: readonly CompiledDisk[] }) {
  return disks.flatMap(({ content }) => {
    if (content.from === 'image') return [{ dataVolume: content.dataVolume, bytes: content.minBytes }];
    return content.from === 'blank' ? [{ dataVolume: content.dataVolume, bytes: content.bytes }] : [];
  });
}

/** What Linux would call each disk, which is how KubeVirt tells them apart (`status.volumeStatus`). */
export function nameTargets(disks: readonly CompiledDisk[]): string[] {
  const count = { vd: 0, sd: 0 };
  return disks.map(({ bus }) => {
    const prefix = bus === 'virtio' ? 'vd' : 'sd';
    return prefix + nameLetters(count[prefix]++);
  });
}

/** a to z, then aa. */
function nameLetters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : nameLetters(Math.floor(index / 26) - 1) + last;
}

/** Whether a disk is the machine's own, made once, and then holds what the guest wrote. */
export function isKept({ content }: Pick<CompiledDisk, 'content'>): boolean {
  return content.from === 'image' || content.from === 'blank';
}

/** Whether a disk is made anew at each start, so that nothing the guest writes is kept. */
export function isScratch({ content }: Pick<CompiledDisk, 'content'>): boolean {
  return content.from === 'container' || content.from === 'empty' || content.from === 'layer';
}
