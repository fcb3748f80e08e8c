import { stat } from 'node:fs/promises';
import { formatBytes } from '../../shared/base/quantity.ts';
import { inspectHeader } from './format.ts';
import { checkQcow2 } from './qcow2-check.ts';
import { RefusedImage } from './refused-image.ts';

export interface JudgeOptions {
  readonly signal: AbortSignal;
  readonly runAs: readonly string[];
  /** What an image may be, in the file and as the guest sees it. */
  readonly largestBytes: number;
}

/**
 * Looks at a file that is to become a disk: its header first, before any tool opens it.
 * @throws RefusedImage, and what `checkQcow2` throws
 */
export async function judgeImage(path: string, header: Buffer, options: JudgeOptions): Promise<void> {
  const inspection = inspectHeader(header);
  if ('refused' in inspection) throw new RefusedImage(inspection.refused.code, inspection.refused.message);
  const bytes = inspection.format === 'qcow2' ? inspection.virtualBytes : (await stat(path)).size;
  if (bytes > options.largestBytes) {
    const most = formatBytes(options.largestBytes);
    throw new RefusedImage(
      'ImageTooLarge',
      `is a disk of ${formatBytes(bytes)}, more than the ${most} that one may be (imageLimitGibibytes)`,
    );
  }
  if (inspection.format === 'qcow2') await checkQcow2(path, options);
}
