import { chmod, chown, link, open, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { ForeignDisk } from '../machine/disk.ts';
import type { Account } from './launch.ts';

/** What the box's settings let machines have of its disks. */
export interface OutsideSettings {
  /** By `namespace/name` of a claim: a block device, a raw image, or a folder with one as `disk.img`. */
  readonly claims: ReadonlyMap<string, string>;
  /** The folders in which `hostDisk` volumes may lie. */
  readonly hostDiskFolders: readonly string[];
}

/** A disk that lies in no machine's folder. Its content is always taken as it is: raw, whatever it looks like. */
export interface OutsideDisk {
  readonly path: string;
  readonly isDevice: boolean;
}

/** KubeVirt's name for the image in a volume with a file system. */
const CLAIM_IMAGE = 'disk.img';

/** @throws EffectError ClaimNotFound, ClaimUnusable */
export async function findClaim(
  { claim }: Extract<ForeignDisk, { from: 'claim' }>,
  { claims }: OutsideSettings,
): Promise<OutsideDisk> {
  const named = claims.get(claim);
  if (named === undefined) {
    const message = `nothing here is the claim ${claim}: it is no data volume, and the setting "claims" of this box's agent has no ${claim}=PATH`;
    throw new EffectError('ClaimNotFound', claim, message);
  }
  const fail = (path: string, why: string, cause?: unknown) =>
    new EffectError(
      'ClaimUnusable',
      claim,
      `the claim ${claim} is ${path} (setting "claims"), which ${why}`,
      cause,
    );
  const look = async (path: string) => {
    const real = await realpath(path).catch((error: unknown) => {
      throw fail(path, `can't be found: ${messageOf(error)}`, error);
    });
    return { real, file: await stat(real) };
  };
  const first = await look(named);
  const { real, file } = first.file.isDirectory() ? await look(join(first.real, CLAIM_IMAGE)) : first;
  if (!file.isFile() && !file.isBlockDevice()) throw fail(real, 'is neither a file nor a block device');
  return { path: real, isDevice: file.isBlockDevice() };
}

/**
 * Finds the image of a `hostDisk` volume, with every link followed: a manifest must not be able to hand any other file
 * of the box to a guest. It is made where it is to be made and `mayMake` agrees.
 * @throws EffectError HostDiskRefused, HostDiskMissing, HostDiskUnusable, and what `mayMake` throws
 */
export async function findHostDisk(
  { path, bytes }: Extract<ForeignDisk, { from: 'host' }>,
  { hostDiskFolders }: OutsideSettings,
  account: Account | undefined,
  mayMake: (real: string) => void,
): Promise<OutsideDisk> {
  const allowed = await Promise.all(
    hostDiskFolders.map(async (folder) => realpath(folder).catch(() => folder)),
  );
  const requireAllowed = (real: string) => {
    if (allowed.some((folder) => real.startsWith(folder + sep))) return;
    const where = real === path ? path : `${path} (really ${real})`;
    const message = `${where} is in no folder of the setting "hostDiskFolders" of this box's agent`;
    throw new EffectError('HostDiskRefused', path, message);
  };
  const folder = await realpath(dirname(path)).catch((error: unknown) => {
    throw new EffectError(
      'HostDiskMissing',
      path,
      `the folder of ${path} can't be found: ${messageOf(error)}`,
      error,
    );
  });
  requireAllowed(join(folder, basename(path)));
  const real = await realpath(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new EffectError('HostDiskUnusable', path, `${path} can't be looked at: ${messageOf(error)}`, error);
  });
  if (real !== undefined) {
    requireAllowed(real);
    if ((await stat(real)).isFile()) return { path: real, isDevice: false };
    throw new EffectError('HostDiskUnusable', path, `${path} is not a file`);
  }
  const place = join(folder, basename(path));
  if (bytes === undefined) {
    const message = `${path} is not there, and type Disk means that it is: with type DiskOrCreate it is made`;
    throw new EffectError('HostDiskMissing', path, message);
  }
  mayMake(place);
  await makeRaw(place, bytes, account);
  return { path: place, isDevice: false };
}

/** A sparse file, put in place whole. A link is refused where something has the name by now. */
async function makeRaw(path: string, bytes: number, account: Account | undefined): Promise<void> {
  const making = join(dirname(path), `.${basename(path)}.holdfast`);
  await rm(making, { force: true });
  try {
    const file = await open(making, 'wx', 0o600);
    try {
      await file.truncate(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(making, 0o600);
    if (account !== undefined) await chown(making, account.uid, account.gid);
    await link(making, path);
  } catch (error) {
    throw new EffectError('HostDiskUnusable', path, `${path} can't be made: ${messageOf(error)}`, error);
  } finally {
    await rm(making, { force: true });
  }
  await syncPath(dirname(path));
}

/** The block sizes of a block device, or of the file system that a file is on. */
export async function readBlockSizes({ path, isDevice }: OutsideDisk) {
  const file = await stat(path);
  if (!isDevice) return { logical: file.blksize, physical: file.blksize };
  const [major, minor] = [(file.rdev >> 8) & 0xfff, (file.rdev & 0xff) | ((file.rdev >> 12) & 0xfff00)];
  // A partition has no queue of its own.
  const own = await realpath(`/sys/dev/block/${major}:${minor}`);
  const folder = await stat(join(own, 'queue')).then(
    () => own,
    () => dirname(own),
  );
  const read = async (name: string) => Number(await readFile(join(folder, 'queue', name), 'utf8'));
  return { logical: await read('logical_block_size'), physical: await read('physical_block_size') };
}
