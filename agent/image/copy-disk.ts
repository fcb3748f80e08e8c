import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, chown, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../shared/base/assert.ts';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import type { ImageSource } from '../machine/image-source.ts';
import { keptDiskFile } from '../machine/files.ts';
import { clonedDisk } from '../machine/image-source.ts';
import type { Fetched, FetchOptions } from './fetched.ts';
import { HEADER_BYTES } from './format.ts';
import { openFolder } from './folder.ts';
import { judgeImage } from './judge-image.ts';
import { runLimited } from './limited-tool.ts';

/** A terabyte from a slow disk. */
const DEADLINE_S = 12 * 3600;

/**
 * Copies a disk of this box, with what it lies over, into a base of its own. QEMU's locks on the disk keep the copy
 * from being made while a machine writes to it, and a machine from being started on it meanwhile.
 *
 * @throws EffectError CloneSourceMissing, CloneSourceInUse, CloneFailed, DiskFull
 */
export async function copyDisk(source: ImageSource, folder: string, options: FetchOptions): Promise<Fetched> {
  const cloned = clonedDisk(source);
  assert(cloned !== undefined, `${source.url} names no disk`);
  const { uid, dataVolume } = cloned;
  const disk = join(options.machinesFolder, uid, keptDiskFile(dataVolume));
  const {
    blocks,
    uid: owner,
    gid,
  } = await stat(disk).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new EffectError(
      'CloneSourceMissing',
      disk,
      `the disk of ${dataVolume} that is to be copied is not there yet`,
      error,
    );
  });
  await options.makeRoom(blocks * 512);
  await rm(folder, { recursive: true, force: true });
  openFolder(folder, 0o711);
  const path = join(folder, 'copy');
  await (await open(path, 'w', 0o600)).close();
  // Made by whoever the disk is of: a QEMU that was taken over may have written the name of any file into it.
  if (options.runAs.length > 0) await chown(path, owner, gid);
  const runAs = options.runAs.length > 0 ? actAs(owner, gid) : [];
  const limits = { ...options, runAs, deadlineS: DEADLINE_S, mostFileBytes: options.largestBytes };
  const { status, words } = await runLimited(
    ['qemu-img', 'convert', '-f', 'qcow2', '-O', 'qcow2', disk, path],
    limits,
  );
  if (status !== 0) {
    await rm(folder, { recursive: true, force: true });
    throw failure(disk, dataVolume, `${status}: ${words}`);
  }
  await chmod(path, 0o644);
  const mine = await stat(folder);
  await chown(path, mine.uid, mine.gid);
  await judgeImage(path, await readHeader(path), options);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { signal: options.signal })) hash.update(chunk as Buffer);
  return { version: { url: source.url }, files: [{ path, sha256: hash.digest('hex') }], folders: [folder] };
}

function actAs(uid: number, gid: number): string[] {
  return ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--no-new-privs'];
}

function failure(disk: string, dataVolume: string, words: string): EffectError {
  if (words.includes('another process using the image')) {
    const message = `the disk of ${dataVolume} is in use: it is copied when the machine that has it is stopped`;
    return new EffectError('CloneSourceInUse', disk, message);
  }
  if (words.includes('No space left')) return new EffectError('DiskFull', disk, `disk full: ${words}`);
  return new EffectError('CloneFailed', disk, `the disk of ${dataVolume} could not be copied: ${words}`);
}

async function readHeader(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
