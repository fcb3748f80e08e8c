import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { KernelBoot } from '../machine/firmware.ts';
import { sourceKey } from '../machine/image-source.ts';
import type { ReadyImage } from '../images-port.ts';

/**
 * The real paths of the kernel and initrd that a machine boots. Those of a folder must lie in `localImages`, with
 * every link followed: a manifest must not be able to hand any other file of the box to a guest.
 * @throws EffectError KernelUnusable, ImageMissing
 */
export async function findKernelFiles(
  boot: KernelBoot,
  localImages: string,
  images: ReadonlyMap<string, ReadyImage>,
): Promise<{ readonly kernel: string; readonly initrd?: string }> {
  if (boot.folder === undefined) return findInImage(boot, images);
  const kernel = await findFile(boot.folder, boot.kernelPath, localImages);
  if (boot.initrdPath === undefined) return { kernel };
  return { kernel, initrd: await findFile(boot.folder, boot.initrdPath, localImages) };
}

function findInImage({ source }: KernelBoot, images: ReadonlyMap<string, ReadyImage>) {
  const [kernel, initrd] = (source && images.get(sourceKey(source))?.files) ?? [];
  if (kernel === undefined) {
    throw new EffectError(
      'ImageMissing',
      source?.url ?? '',
      `the image ${source?.url} of the kernel is not ready`,
    );
  }
  return initrd === undefined ? { kernel } : { kernel, initrd };
}

async function findFile(folder: string, inside: string, localImages: string): Promise<string> {
  const named = join(folder, inside);
  const fail = (why: string, cause?: unknown) =>
    new EffectError('KernelUnusable', named, `${named} ${why}`, cause);
  const [path, allowed] = await Promise.all([realpath(named), realpath(localImages)]).catch(
    (error: unknown) => {
      throw fail(`can't be read, or the folder of local images (${localImages}) can't`, error);
    },
  );
  if (!path.startsWith(allowed + sep)) throw fail(`is not in the folder of local images, ${localImages}`);
  if (!(await stat(path)).isFile()) throw fail('is not a file');
  return path;
}
