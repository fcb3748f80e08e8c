import { access, chmod, chown, link, open, realpath, rename } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { CompiledDisk, KeptContent } from '../machine/disk.ts';
import { diskFile, isKept } from '../machine/disk.ts';
import { sourceKey } from '../machine/image-source.ts';
import type { ReadyImage, RunRecord } from '../ports.ts';
import { opensDirectly } from './direct-io.ts';
import { diskPath, withStaging } from './folder.ts';
import type { Account } from './launch.ts';
import { runTool } from './tool.ts';

export interface DiskFiles {
  /** Disks of which QEMU could not open every file with O_DIRECT. */
  readonly buffered: ReadonlySet<string>;
  /** The images that overlays are made on. */
  readonly backing: readonly string[];
}

/**
 * Makes the disks that a start needs and that don't exist. One that the last run had and that is gone is never made
 * again: the guest would find its data reset.
 * @throws EffectError DiskMissing, DiskUnreadable, DiskInTheWay, ImageMissing, DiskFull, ToolFailed
 */
export async function makeDisks(
  folder: string,
  machine: CompiledMachine,
  images: ReadonlyMap<string, ReadyImage>,
  account: Account | undefined,
  before: RunRecord | undefined,
): Promise<DiskFiles> {
  const buffered = new Set<string>();
  const backing: string[] = [];
  for (const disk of machine.disks) {
    const path = diskPath(folder, disk);
    await makeMissing(folder, disk, images, account, before);
    // Also where an earlier agent ran QEMU as someone else.
    if (account !== undefined) await chown(path, account.uid, account.gid);
    const isOverlay = disk.content.from === 'image' || disk.content.from === 'container';
    const base = isOverlay ? await readBackingFile(path) : undefined;
    if (base !== undefined) await requireImage(base, disk.name);
    const files = base === undefined ? [path] : [path, base];
    const direct = await Promise.all(files.map(opensDirectly));
    if (direct.includes(false)) buffered.add(disk.name);
    if (base !== undefined) backing.push(base);
  }
  return { buffered, backing };
}

/**
 * Makes the disk of a data volume of its own, unless it is there; the machines that use it come later.
 * @throws EffectError as `makeDisks`
 */
export async function makeVolume(
  folder: string,
  content: KeptContent,
  images: ReadonlyMap<string, ReadyImage>,
): Promise<void> {
  const disk: CompiledDisk = { ...VOLUME_DISK, name: content.dataVolume, content };
  await makeMissing(folder, disk, images, undefined, undefined);
}

/** A disk without a machine has a content and nothing else that matters. */
const VOLUME_DISK = { bus: 'virtio', cdrom: false, readonly: false, cache: 'none' } as const;

async function makeMissing(
  folder: string,
  disk: CompiledDisk,
  images: ReadonlyMap<string, ReadyImage>,
  account: Account | undefined,
  before: RunRecord | undefined,
): Promise<void> {
  if (disk.content.from === 'seed') return;
  const path = diskPath(folder, disk);
  if (isKept(disk)) {
    if (await exists(path)) return;
    refuseReset(disk, path, before);
  }
  await makeDisk(folder, disk, images, account);
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

function refuseReset(disk: CompiledDisk, path: string, before: RunRecord | undefined): void {
  if (before?.command.some((argument) => argument.includes(`=${diskFile(disk)}`)) !== true) return;
  const message = `the disk of volume ${disk.name} was there at the last start and is gone: put ${path} back`;
  throw new EffectError('DiskMissing', path, message);
}

async function requireImage(path: string, volume: string): Promise<void> {
  await access(path).catch((error: unknown) => {
    const message = `the image ${path}, which the disk of volume ${volume} is made on, is gone`;
    throw new EffectError('ImageMissing', path, message, error);
  });
}

/** Made under another name, synced and put in place: whatever cuts this off leaves no disk, rather than a half one. */
async function makeDisk(
  folder: string,
  disk: CompiledDisk,
  images: ReadonlyMap<string, ReadyImage>,
  account: Account | undefined,
): Promise<void> {
  await withStaging(folder, async (staging) => {
    const path = join(staging, diskFile(disk));
    await runTool('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      ...(await contentArguments(folder, disk, images, path)),
    ]);
    await chmod(path, 0o600);
    if (account !== undefined) await chown(path, account.uid, account.gid);
    await syncPath(path);
    await (isKept(disk) ? putInPlace : rename)(path, diskPath(folder, disk));
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

async function contentArguments(
  folder: string,
  { content, name }: CompiledDisk,
  images: ReadonlyMap<string, ReadyImage>,
  path: string,
): Promise<string[]> {
  if (content.from === 'seed') return [];
  if (content.from !== 'image' && content.from !== 'container') return [path, String(content.bytes)];
  const image = images.get(sourceKey(content.source));
  if (image === undefined) {
    throw new EffectError(
      'ImageMissing',
      name,
      `the image ${content.source.url} of volume ${name} is not ready`,
    );
  }
  // Relative to the overlay's last place, so that the data directory can be moved; hence not checked (-u) from here.
  const base = relative(folder, await realpath(image.path));
  const size = Math.max(content.from === 'image' ? content.minBytes : 0, image.virtualBytes);
  return ['-u', '-b', base, '-F', image.format, path, String(size)];
}

/** Where a qcow2 header (version 2 and later, QEMU's `docs/interop/qcow2.txt`) has offset and length of the name. */
const BACKING_OFFSET_AT = 8;
const BACKING_SIZE_AT = 16;
const LONGEST_BACKING_NAME = 1023;

/** The path of the image that an overlay is made on; undefined for a disk of its own. */
async function readBackingFile(path: string): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(BACKING_SIZE_AT + 4);
    await file.read(header, 0, header.length, 0);
    const offset = Number(header.readBigUInt64BE(BACKING_OFFSET_AT));
    const size = Math.min(header.readUInt32BE(BACKING_SIZE_AT), LONGEST_BACKING_NAME);
    if (offset === 0 || size === 0) return undefined;
    const name = Buffer.alloc(size);
    await file.read(name, 0, size, offset);
    return resolve(dirname(path), name.toString('utf8'));
  } finally {
    await file.close();
  }
}
