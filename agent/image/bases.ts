import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { chmod, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../shared/base/assert.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { ReadyImage } from '../ports.ts';
import { HEADER_BYTES, inspectHeader } from './format.ts';
import { openFolder } from './folder.ts';

/** QEMU counts a disk in sectors, and takes a raw file's last one for whole. */
const SECTOR_BYTES = 512;

export interface Bases {
  /** The base with this content, if it is here. Opens one file; cheap enough for every tick. */
  find(sha256: string): ReadyImage | undefined;
  /** Moves a file that has been verified, and written to disk, in as the base with this content. */
  add(path: string, sha256: string): Promise<void>;
}

/**
 * The folder of base images, each a file named by its SHA-256 that never changes. A file gets its name here
 * only when it is whole and checked, so what bears a hash's name is trusted without being hashed again.
 */
export function createBases(folder: string): Bases {
  // QEMU may run as another user, and must reach what overlays refer to.
  openFolder(folder, 0o755);
  return {
    find(sha256) {
      assert(/^[0-9a-f]{64}$/.test(sha256), `not a SHA-256: ${sha256}`);
      return readBase(join(folder, sha256), sha256);
    },
    async add(path, sha256) {
      await chmod(path, 0o444);
      await syncPath(path);
      await rename(path, join(folder, sha256));
      await syncPath(folder);
    },
  };
}

/** A base that can't be read, or no longer looks like one, is not here: it is fetched again and replaced. */
function readBase(path: string, sha256: string): ReadyImage | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const header = Buffer.alloc(HEADER_BYTES);
    const inspection = inspectHeader(header.subarray(0, readSync(file, header, 0, HEADER_BYTES, 0)));
    if ('refused' in inspection) return undefined;
    if (inspection.format === 'qcow2') return { path, sha256, ...inspection };
    const virtualBytes = Math.ceil(fstatSync(file).size / SECTOR_BYTES) * SECTOR_BYTES;
    return { path, sha256, format: 'raw', virtualBytes };
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
