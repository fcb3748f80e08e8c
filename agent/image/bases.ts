import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { chmod, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../shared/base/assert.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { ImageSource } from '../machine/image-source.ts';
import type { ReadyImage } from '../images-port.ts';
import { HEADER_BYTES, inspectHeader } from './format.ts';
import { openFolder } from './folder.ts';

/** QEMU counts a disk in sectors, and takes a raw file's last one for whole. */
const SECTOR_BYTES = 512;

/** What is known of the content of a source. */
interface Content {
  readonly sha256?: string | undefined;
  readonly files?: readonly string[] | undefined;
}

export interface Bases {
  readonly folder: string;
  /** What is here for a source. Opens one file, or looks at a few; cheap enough for every tick. */
  serve(source: ImageSource, content: Content | undefined): ReadyImage | undefined;
  /** Moves a file that has been verified in as the base with this content, and writes it to disk; one that is there already stays. */
  add(path: string, sha256: string): Promise<void>;
  /** All bases, with the time at which they were last noted as used. */
  list(): Promise<{ readonly sha256: string; readonly bytes: number; readonly usedAtMs: number }[]>;
  noteUse(sha256: string, atMs: number): Promise<void>;
  remove(sha256: string): Promise<void>;
}

/**
 * The folder of base images, each a file named by its SHA-256 that never changes. A file gets its name here
 * only when it is whole and checked, so what bears a hash's name is trusted without being hashed again.
 */
export function createBases(folder: string): Bases {
  // QEMU may run as another user, and must reach what overlays refer to.
  openFolder(folder, 0o755);
  const pathOf = (sha256: string) => {
    assert(/^[0-9a-f]{64}$/.test(sha256), `not a SHA-256: ${sha256}`);
    return join(folder, sha256);
  };
  return {
    folder,
    serve(source, content) {
      if (source.files !== undefined) return readFiles((content?.files ?? []).map(pathOf), content?.sha256);
      // What a packed file has inside is known by another hash than the file's own.
      const sha256 = content?.sha256 ?? source.sha256;
      return sha256 === undefined ? undefined : readBase(pathOf(sha256), sha256);
    },
    async add(path, sha256) {
      const place = pathOf(sha256);
      if (readBase(place, sha256) !== undefined) return;
      await chmod(path, 0o444);
      await syncPath(path);
      await rename(path, place);
      await syncPath(folder);
    },
    async list() {
      const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}$/.test(name));
      return Promise.all(
        names.map(async (sha256) => {
          const { blocks, mtimeMs } = await stat(join(folder, sha256));
          return { sha256, bytes: blocks * SECTOR_BYTES, usedAtMs: mtimeMs };
        }),
      );
    },
    noteUse: async (sha256, atMs) => utimes(pathOf(sha256), atMs / 1000, atMs / 1000),
    async remove(sha256) {
      await rm(pathOf(sha256), { force: true });
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

/** Files that are wanted as they are: a kernel, and what goes with it. */
function readFiles(files: readonly string[], sha256: string | undefined): ReadyImage | undefined {
  const [path] = files;
  const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size);
  if (path === undefined || sha256 === undefined || sizes.includes(undefined)) return undefined;
  return { path, sha256, format: 'raw', virtualBytes: sizes[0] ?? 0, files };
}
