import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { ImageSource } from '../machine/image-source.ts';
import type { DownloadOptions } from './download.ts';
import { partialName, settle } from './download.ts';
import { openFolder } from './folder.ts';
import { judgeImage } from './judge-image.ts';
import { packingOf, unpack } from './packing.ts';
import { RefusedImage } from './refused-image.ts';
import { writeSparsely } from './written-file.ts';

/**
 * Takes what is uploaded for a source in, as what a server has is: unpacked, looked at, and kept by its content.
 * @throws EffectError with a `Refusal`'s code, `UploadFailed` or `DiskFull`
 */
export async function takeUpload(
  source: ImageSource,
  content: AsyncIterable<Buffer>,
  options: DownloadOptions,
): Promise<void> {
  const folder = join(options.folder, partialName(source));
  await rm(folder, { recursive: true, force: true });
  openFolder(folder, 0o711);
  const version = { url: source.url };
  try {
    const taken = await take(folder, content, options);
    await settle(source, { version, files: [taken], folders: [folder] }, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (error instanceof RefusedImage) {
      throw new EffectError(error.code, source.url, `what was uploaded ${error.message}`);
    }
    throw error;
  }
}

async function take(folder: string, content: AsyncIterable<Buffer>, options: DownloadOptions) {
  const limits = { ...options, mostBytes: options.largestBytes };
  const uploaded = await writeSparsely(join(folder, 'uploaded'), content, limits);
  const packing = packingOf(uploaded.header);
  const whole =
    packing === undefined
      ? uploaded
      : await writeSparsely(
          join(folder, 'unpacked'),
          unpack(createReadStream(uploaded.path), packing, options.signal),
          limits,
        );
  await judgeImage(whole.path, whole.header, options);
  return whole;
}
