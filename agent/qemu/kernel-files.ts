import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { KernelBoot } from '../machine/firmware.ts';

/**
 * The real paths of the kernel and initrd that a machine boots. They must lie in `localImages`, with every link
 * followed: a manifest must not be able to hand any other file of the box to a guest.
 * @throws EffectError KernelUnusable
 */
export async function findKernelFiles(boot: KernelBoot, localImages: string) {
  const kernel = await findFile(boot.folder, boot.kernelPath, localImages);
  if (boot.initrdPath === undefined) return { kernel };
  return { kernel, initrd: await findFile(boot.folder, boot.initrdPath, localImages) };
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
