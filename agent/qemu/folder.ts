import { closeSync, openSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../shared/base/assert.ts';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import type { CompiledDisk } from '../machine/disk.ts';
import { diskFile } from '../machine/disk.ts';
import { CONSOLE_LOG, SOCKET_FOLDER, keptDiskFile } from '../machine/files.ts';
import type { Account } from './launch.ts';
import { LOCK_FILE, accountCommand } from './launch.ts';
import { readQcow2Header } from './qcow2-header.ts';
import { runTool } from './tool.ts';

/** What QEMU says on its standard output and error. */
export const QEMU_LOG = 'qemu.log';

const UID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DISK_FILE =
  /^(?:seed\.iso|seed-[a-z0-9][-a-z0-9]*\.iso|(?:\.\.\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/)?(?:disk|scratch)-[a-z0-9][-.a-z0-9]*\.qcow2)$/;
/** What is made anew at each start. */
export const PASSING_FILE = /^(?:seed(?:-.*)?\.iso|scratch-.*\.qcow2)$/;
export const KEPT_DISK = /^disk-([a-z0-9][-.a-z0-9]*)\.qcow2$/;
/** Where files are made before they get their name; what a killed agent left of it is deleted. */
const STAGING = '.staging-';
/** A machine's folder on its way out. */
const REMOVING = '.removing-';

/** The folder of a machine. The uid came over the link and becomes a path: nothing but a UUID may. */
export function machineFolder(machinesFolder: string, uid: string): string {
  assert(UID.test(uid), `${JSON.stringify(uid)} is no machine's uid`);
  return join(machinesFolder, uid);
}

export function removingFolder(machinesFolder: string, uid: string): string {
  return `${join(machinesFolder, REMOVING)}${uid}`;
}

/** The path of a disk. The names in it came over the link too. */
export function diskPath(folder: string, disk: Pick<CompiledDisk, 'name' | 'content'>): string {
  const file = diskFile(disk);
  assert(file !== undefined && DISK_FILE.test(file), `${JSON.stringify(file)} is no disk's file`);
  return join(folder, file);
}

/** The uids of all machines that have a folder. */
export async function listMachines(machinesFolder: string): Promise<string[]> {
  const entries = await readdir(machinesFolder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && UID.test(entry.name)).map(({ name }) => name);
}

/** The data volumes whose disks exist. */
export async function listDisks(folder: string): Promise<string[]> {
  // Any other failure must not pass for a folder without disks: they would be made anew.
  const files = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    return [];
  });
  return files.flatMap((file) => KEPT_DISK.exec(file)?.[1] ?? []);
}

/** How large the guest finds its disks, of those of which that can be read. */
export async function readDiskBytes(
  folder: string,
  dataVolumes: readonly string[],
): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const dataVolume of dataVolumes) {
    const header = await readQcow2Header(join(folder, keptDiskFile(dataVolume))).catch(() => undefined);
    if (header !== undefined) sizes[dataVolume] = header.virtualBytes;
  }
  return sizes;
}

/** Finishes removals that were cut off. */
export async function clearRemoved(machinesFolder: string): Promise<void> {
  for (const name of await readdir(machinesFolder)) {
    if (name.startsWith(REMOVING)) await rm(join(machinesFolder, name), { recursive: true, force: true });
  }
}

/**
 * Makes what is missing of a machine's folder. The folder stays the agent's: a QEMU that was taken over can't put a
 * link in the place of a file that the agent writes. QEMU's user gets the files it writes, and one folder in which
 * it makes its sockets.
 */
export async function prepareFolder(folder: string, account: Account | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const sockets = join(folder, SOCKET_FOLDER);
  // Sockets of earlier runs would only pile up.
  await rm(sockets, { recursive: true, force: true });
  await mkdir(sockets, { mode: 0o700 });
  for (const file of [LOCK_FILE, CONSOLE_LOG, QEMU_LOG]) {
    closeSync(openSync(join(folder, file), 'a', 0o600));
    // `flock` makes the lock for everybody to read, and whoever can read it can hold it.
    await chmod(join(folder, file), 0o600);
  }
  await clearStaging(folder);
  if (account === undefined) return;
  await chmod(folder, 0o711);
  await chown(sockets, account.uid, account.gid);
  await chown(join(folder, CONSOLE_LOG), account.uid, account.gid);
}

/** Deletes what a killed agent left of files in the making. */
export async function clearStaging(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(STAGING)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Calls `use` with a folder inside `folder` for files in the making, and deletes it after. */
export async function withStaging<T>(folder: string, use: (staging: string) => Promise<T>): Promise<T> {
  const staging = await mkdtemp(join(folder, STAGING));
  try {
    return await use(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Whom `user` names on this box. */
export async function findAccount(user: string): Promise<Account> {
  const [uid, groups] = await Promise.all([
    runTool('id', ['-u', '--', user]),
    // The main one is the first.
    runTool('id', ['-G', '--', user]),
  ]);
  const [gid = NaN, ...further] = groups.trim().split(/\s+/).map(Number);
  return { uid: Number(uid), gid, groups: further };
}

/**
 * Checks that QEMU's user gets to `folder`.
 * @throws EffectError NotReachable
 */
export async function checkPassage(account: Account, folder: string): Promise<void> {
  const [file = '', ...args] = [...accountCommand(account), 'test', '-x', folder];
  await runTool(file, args).catch((error: unknown) => {
    const message = `user ${account.uid} can't get to ${folder}: it needs "x" on it and on every folder above`;
    throw new EffectError('NotReachable', folder, message, error);
  });
}

/**
 * Checks that QEMU's user can read `paths`, or read and write them, before QEMU fails of it in words that name neither.
 * @throws EffectError NotReachable
 */
export async function checkReachable(
  account: Account,
  paths: readonly string[],
  access: 'read' | 'write' = 'read',
): Promise<void> {
  const check = async (checked: readonly string[]) => {
    const words = checked.flatMap((path) =>
      access === 'read' ? ['-a', '-r', path] : ['-a', '-r', path, '-a', '-w', path],
    );
    const [file = '', ...args] = [...accountCommand(account), 'test', ...words.slice(1)];
    await runTool(file, args);
  };
  // Every start waits for this: a process for all of them first, and one for each only to find out which it is.
  const areReachable = await check(paths).then(
    () => true,
    () => false,
  );
  if (areReachable) return;
  for (const path of paths) {
    await check([path]).catch((error: unknown) => {
      const message = `user ${account.uid}, whom QEMU runs as, can't ${access} ${path}: it needs ${access} permission, and "x" on every folder above`;
      throw new EffectError('NotReachable', path, message, error);
    });
  }
}
