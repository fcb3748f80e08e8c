import { access, chmod, chown, link, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { FoundDisk } from '../machine/disk-arguments.ts';
import type { CompiledDisk, ForeignDisk, KeptContent } from '../machine/disk.ts';
import { diskFile, isKept, isScratch } from '../machine/disk.ts';
import { sourceKey } from '../machine/image-source.ts';
import type { RunRecord } from '../ports.ts';
import type { ReadyImage } from '../images-port.ts';
import { opensDirectly } from './direct-io.ts';
import { PASSING_FILE, checkReachable, diskPath, withStaging } from './folder.ts';
import type { Account } from './launch.ts';
import type { OutsideDisk, OutsideSettings } from './outside-disks.ts';
import { findClaim, findHostDisk, readBlockSizes } from './outside-disks.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { makeSeedImage } from './seed-image.ts';
import { runTool } from './tool.ts';

export interface DiskFiles {
  /** Disks of which QEMU could not open every file with O_DIRECT. */
  readonly buffered: ReadonlySet<string>;
  /** The images that overlays are made on. */
  readonly backing: readonly string[];
  readonly found: ReadonlyMap<string, FoundDisk>;
}

export interface DiskContext {
  /** The machine's. */
  readonly folder: string;
  readonly images: ReadonlyMap<string, ReadyImage>;
  readonly account: Account | undefined;
  readonly outside: OutsideSettings;
  readonly before: RunRecord | undefined;
}

/** Where a disk is, as what QEMU opens it, and the images under it, nearest first. */
type Place = OutsideDisk & { readonly format: 'qcow2' | 'raw'; readonly under: readonly string[] };

/**
 * Makes the disks that a start needs and that don't exist, and makes larger what is to be larger. One that the last
 * run had and that is gone is never made again: the guest would find its data reset.
 * @throws EffectError DiskMissing, DiskUnreadable, DiskInTheWay, ImageMissing, DiskFull, ToolFailed, and as
 *   `findClaim`, `findHostDisk`, `checkReachable`
 */
export async function makeDisks(machine: CompiledMachine, context: DiskContext): Promise<DiskFiles> {
  await clearPassing(machine, context.folder);
  return addDisks(machine.disks, context);
}

/** The same for disks that come beside those that a machine has. */
export async function addDisks(disks: readonly CompiledDisk[], context: DiskContext): Promise<DiskFiles> {
  const buffered = new Set<string>();
  const backing: string[] = [];
  const found = new Map<string, FoundDisk>();
  for (const disk of disks) {
    if (disk.content.from === 'nothing') continue;
    const place = await placeDisk(disk, context);
    for (const base of place.under) await requireImage(base, disk.name);
    const direct = await Promise.all([place.path, ...place.under].map(opensDirectly));
    if (direct.includes(false)) buffered.add(disk.name);
    backing.push(...place.under);
    const isOutside = diskFile(disk) === undefined;
    if (!isOutside && disk.blockSizes !== 'volume') continue;
    found.set(disk.name, {
      ...(isOutside ? { path: place.path } : {}),
      isDevice: place.isDevice,
      format: place.format,
      ...(disk.blockSizes === 'volume' ? { blockSizes: await readBlockSizes(place) } : {}),
    });
  }
  return { buffered, backing, found };
}

/** Files that are made at each start and that no volume asks for any more; a seed may hold passwords. */
async function clearPassing({ disks }: CompiledMachine, folder: string): Promise<void> {
  const wanted = new Set(disks.map(diskFile));
  for (const file of await readdir(folder)) {
    if (PASSING_FILE.test(file) && !wanted.has(file)) await rm(join(folder, file));
  }
}

/**
 * Makes the disk of a data volume of its own, unless it is there; the machines that use it come later.
 * @throws EffectError as `makeDisks`
 */
export async function makeVolume(
  content: KeptContent,
  context: Pick<DiskContext, 'folder' | 'images' | 'outside'>,
): Promise<void> {
  const disk = { ...VOLUME_DISK, name: content.dataVolume, content };
  await placeDisk(disk, { ...context, account: undefined, before: undefined });
}

/** A disk without a machine has a content, and nothing else that matters. */
const VOLUME_DISK = { bus: 'virtio', cdrom: false, readonly: false, cache: 'none' } as const;

async function placeDisk(disk: CompiledDisk, context: DiskContext): Promise<Place> {
  const { content } = disk;
  const { folder, account } = context;
  if (content.from === 'claim' || content.from === 'host' || content.from === 'other')
    return placeForeign(content, disk, context);
  const path = diskPath(folder, disk);
  if (content.from === 'seed') {
    await makeSeedImage(folder, content.file, content.image, account);
    return { path, isDevice: false, format: 'raw', under: [] };
  }
  if (content.from === 'layer') return layDisk(content.over, disk, context);
  if (isScratch(disk) || !(await exists(path))) {
    if (isKept(disk)) refuseReset(disk.name, `=${diskFile(disk)}`, path, context.before);
    await makeDisk(disk, context, await composeContent(disk, context));
  }
  if (isKept(disk)) await growDisk(disk, path);
  // Also where an earlier agent ran QEMU as someone else.
  if (account !== undefined) await chown(path, account.uid, account.gid);
  return { path, isDevice: false, format: 'qcow2', under: await listImages(path) };
}

/** Makes a layer over a disk that is only read from then on. */
async function layDisk(over: ForeignDisk, disk: CompiledDisk, context: DiskContext): Promise<Place> {
  const { folder } = context;
  const base = await placeForeign(over, { name: disk.name, readonly: true }, context);
  const named = over.from === 'other' ? relative(folder, base.path) : base.path;
  const size = String(await sizeOf(base));
  await makeDisk(disk, context, (path) => ['-u', '-b', named, '-F', base.format, path, size]);
  const path = diskPath(folder, disk);
  return { path, isDevice: false, format: 'qcow2', under: [base.path, ...base.under] };
}

/** The image under a disk of our making: at most one, which stands on nothing. */
async function listImages(path: string): Promise<string[]> {
  const backing = (await readQcow2Header(path))?.backing;
  return backing === undefined ? [] : [backing];
}

/** Finds a disk that others made, and opens it to the machine's user as far as it is to use it. */
async function placeForeign(
  content: ForeignDisk,
  { name, readonly, shareable }: Pick<CompiledDisk, 'name' | 'readonly' | 'shareable'>,
  { folder, account, outside, before }: DiskContext,
): Promise<Place> {
  const use = readonly ? 'read' : shareable === true ? 'share' : 'write';
  if (content.from === 'other') {
    const path = diskPath(folder, { name, content });
    if (!(await exists(path))) {
      const message = `the disk of data volume ${content.dataVolume}, which volume ${name} shows, is not on this box`;
      throw new EffectError('DataVolumeMissing', path, message);
    }
    // It goes from machine to machine, each of which runs as a user of its own; what has it open keeps it.
    if (account !== undefined) {
      await chmod(dirname(path), 0o711);
      await openTo(account, path, use);
    }
    return { path, isDevice: false, format: 'qcow2', under: await listImages(path) };
  }
  const place =
    content.from === 'claim'
      ? await findClaim(content, outside)
      : await findHostDisk(content, outside, account, (real) =>
          refuseReset(name, `=${real.replaceAll(',', ',,')}`, real, before),
        );
  if (account !== undefined) {
    // What the box's settings name is for machines. A hostDisk that was there stays whose it is.
    if (content.from === 'claim') await openTo(account, place.path, use);
    await checkReachable(account, [place.path], readonly ? 'read' : 'write');
  }
  // Whatever it looks like: a guest could write a header there that names any file of the box.
  return { ...place, format: 'raw', under: [] };
}

/** Each machine has a user of its own, and all have one group: what several use is opened to that. */
async function openTo(account: Account, path: string, use: 'read' | 'share' | 'write'): Promise<void> {
  const { uid, mode } = await stat(path);
  if (use === 'write') return chown(path, account.uid, account.gid);
  await chown(path, uid, account.gid);
  await chmod(path, (mode & 0o777) | (use === 'read' ? 0o040 : 0o060));
}

/** Only ENOENT is absence: a disk that can't be looked at may well be there. */
async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    const message = `can't tell whether the disk ${path} is there: ${messageOf(error)}`;
    throw new EffectError('DiskUnreadable', path, message, error);
  }
}

/** `word` is how the disk stands in a command line. */
function refuseReset(volume: string, word: string, path: string, before: RunRecord | undefined): void {
  const stands = (argument: string) => argument.includes(`${word},`) || argument.endsWith(word);
  if (before?.command.some(stands) !== true) return;
  const message = `the disk of volume ${volume} was there at the last start and is gone: put ${path} back`;
  throw new EffectError('DiskMissing', path, message);
}

async function requireImage(path: string, volume: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    const message = `the image ${path}, which the disk of volume ${volume} is made on, is gone`;
    throw new EffectError('ImageMissing', path, message, error);
  });
}

/** A disk is only ever made larger: what is beyond the end of a smaller one would be lost. */
async function growDisk({ content, name }: CompiledDisk, path: string): Promise<void> {
  const bytes = content.from === 'image' ? content.minBytes : content.from === 'blank' ? content.bytes : 0;
  const virtualBytes = (await readQcow2Header(path))?.virtualBytes;
  if (virtualBytes === undefined || bytes <= virtualBytes) return;
  await runTool('qemu-img', ['resize', '-q', '-f', 'qcow2', path, String(bytes)]).catch((error: unknown) => {
    const message = `the disk of volume ${name} can't be made ${formatBytes(bytes)} large: ${messageOf(error)}`;
    throw new EffectError(codeOf(error) ?? 'ToolFailed', path, message, error);
  });
  await syncPath(path);
}

/** Made under another name, synced and put in place: whatever cuts this off leaves no disk, rather than a half one. */
async function makeDisk(
  disk: CompiledDisk,
  { folder, account }: DiskContext,
  argumentsFor: (path: string) => readonly string[],
): Promise<void> {
  const place = diskPath(folder, disk);
  await withStaging(folder, async (staging) => {
    const path = join(staging, diskFile(disk) ?? '');
    await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', ...argumentsFor(path)]);
    await chmod(path, 0o600);
    if (account !== undefined) await chown(path, account.uid, account.gid);
    await syncPath(path);
    await (isKept(disk) ? putInPlace : rename)(path, place);
    await syncPath(folder);
  });
}

/** A link, unlike a rename, is refused where something has the name: no disk is overwritten, whatever was seen. */
async function putInPlace(path: string, place: string): Promise<void> {
  await link(path, place).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
    const message = `a new disk was to be ${place}, where there is something that can't be opened as one`;
    throw new EffectError('DiskInTheWay', place, message, error);
  });
}

/** What a disk of our own is made of, for `qemu-img create`. */
async function composeContent(
  { content, name }: CompiledDisk,
  { folder, images }: DiskContext,
): Promise<(path: string) => readonly string[]> {
  if (content.from === 'blank' || content.from === 'empty') return (path) => [path, String(content.bytes)];
  const source = content.from === 'image' || content.from === 'container' ? content.source : undefined;
  const image = source && images.get(sourceKey(source));
  if (image === undefined) {
    const from = source?.url ?? content.from;
    throw new EffectError('ImageMissing', name, `the image ${from} of volume ${name} is not ready`);
  }
  // Relative to the overlay's last place, so that the data directory can be moved; hence not checked (-u) from here.
  const base = relative(folder, await realpath(image.path));
  const size = Math.max(content.from === 'image' ? content.minBytes : 0, image.virtualBytes);
  return (path) => ['-u', '-b', base, '-F', image.format, path, String(size)];
}

/** The size of a disk that others made, in bytes. */
async function sizeOf({ path, format }: Pick<Place, 'path' | 'format'>): Promise<number> {
  const told: unknown = JSON.parse(
    await runTool('qemu-img', ['info', '--output=json', '-U', '-f', format, path]),
  );
  const size = typeof told === 'object' && told !== null && 'virtual-size' in told ? told['virtual-size'] : 0;
  return Number(size);
}
