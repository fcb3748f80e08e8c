import { join } from 'node:path';
import { formatBytes } from '../../../shared/base/quantity.ts';
import { RefusedImage } from '../refused-image.ts';
import type { WrittenFile } from '../written-file.ts';
import { writeSparsely } from '../written-file.ts';
import type { TarEntry } from './tar.ts';
import { readTar } from './tar.ts';

/**
 * Takes files out of a container image, whose layers are read from the newest down: what a newer one has, or marks
 * as deleted (OCI image-spec, "Layer Filesystem Changeset"), hides what is below.
 */
export interface LayerReader {
  /** Reads one layer, unpacked. */
  read(layer: AsyncIterable<Buffer>): Promise<void>;
  /** Whether nothing of the layers below can matter. */
  isDone(): boolean;
  /** The files in the order they were asked for. @throws RefusedImage where one is not there */
  finish(): WrittenFile[];
}

export interface LayerOptions {
  /** Undefined for the only file in /disk, as KubeVirt has it. */
  readonly paths: readonly string[] | undefined;
  /** Where the files are written, under names that nothing in the image chooses. */
  readonly folder: string;
  readonly mostBytes: number;
  readonly makeRoom: (neededBytes: number) => Promise<void>;
  readonly signal: AbortSignal;
}

const DISK_FOLDER = 'disk';
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

export function createLayerReader(options: LayerOptions): LayerReader {
  const wanted = options.paths?.map((path) =>
    path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/'),
  );
  const found = new Map<string, WrittenFile>();
  /** Of newer layers: paths that are gone with all below them, and folders whose content is. */
  const gone = new Set<string>();
  const emptied = new Set<string>();

  const isWanted = (path: string) =>
    wanted === undefined ? parentOf(path) === DISK_FOLDER : wanted.includes(path);
  const isAbove = (path: string) =>
    wanted === undefined ? path === DISK_FOLDER : wanted.some((file) => file.startsWith(`${path}/`));
  const isHidden = (path: string) =>
    gone.has(path) || ancestorsOf(path).some((folder) => gone.has(folder) || emptied.has(folder));

  async function take(entry: TarEntry): Promise<void> {
    const { path, kind, bytes, content } = entry;
    if (kind !== 'file')
      throw new RefusedImage('UnsafeImage', `has a ${kind} at /${path}: name a file itself`);
    if (bytes > options.mostBytes) {
      const most = formatBytes(options.mostBytes);
      throw new RefusedImage(
        'ImageTooLarge',
        `has /${path} of ${formatBytes(bytes)}, more than the ${most} that may be taken`,
      );
    }
    if (wanted === undefined && found.size > 0 && !found.has(path)) {
      const paths = [...found.keys(), path].map((file) => `/${file}`).join(', ');
      throw new RefusedImage(
        'UnsupportedImageFormat',
        `has more than one file under /disk (${paths}): name one with path`,
      );
    }
    const place = [...found.keys()].indexOf(path);
    const target = join(options.folder, `file-${place < 0 ? found.size : place}`);
    found.set(path, await writeSparsely(target, content, options));
  }

  return {
    async read(layer) {
      const [before, goneHere, emptiedHere] = [new Set(found.keys()), new Set<string>(), new Set<string>()];
      for await (const entry of readTar(bound(layer, options.mostBytes))) {
        const name = entry.path.slice(parentOf(entry.path).length).replace(/^\//, '');
        if (name === OPAQUE) emptiedHere.add(parentOf(entry.path));
        else if (name.startsWith(WHITEOUT)) {
          goneHere.add(
            [parentOf(entry.path), name.slice(WHITEOUT.length)].filter((part) => part !== '').join('/'),
          );
        } else if (isHidden(entry.path) || before.has(entry.path)) continue;
        else if (isWanted(entry.path)) {
          // A folder under /disk has no disk's file; one where a file was asked for is none.
          if (entry.kind !== 'directory' || wanted !== undefined) await take(entry);
        } else if (isAbove(entry.path) && entry.kind !== 'directory') {
          throw new RefusedImage(
            'UnsafeImage',
            `has a ${entry.kind} at /${entry.path} on the way to the file that is wanted`,
          );
        }
      }
      for (const path of goneHere) gone.add(path);
      for (const path of emptiedHere) emptied.add(path);
    },
    isDone: () =>
      wanted === undefined
        ? isHidden(`${DISK_FOLDER}/x`)
        : wanted.every((path) => found.has(path) || isHidden(path)),
    finish() {
      if (wanted === undefined && found.size === 0) {
        throw new RefusedImage('UnsupportedImageFormat', 'has no file under /disk: is it a container disk?');
      }
      return (wanted ?? [...found.keys()]).map((path) => {
        const file = found.get(path);
        if (file === undefined) throw new RefusedImage('UnsupportedImageFormat', `has no file /${path}`);
        return file;
      });
    },
  };
}

/** A layer that unpacks without end is one that nobody made in good faith. */
async function* bound(layer: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of layer) {
    bytes += chunk.length;
    if (bytes > 2 * mostBytes) {
      throw new RefusedImage(
        'ImageTooLarge',
        `has a layer that unpacks to more than ${formatBytes(2 * mostBytes)}`,
      );
    }
    yield chunk;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** All folders above a path, with the root, which is ''. */
function ancestorsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, count) => parts.slice(0, count).join('/'));
}
