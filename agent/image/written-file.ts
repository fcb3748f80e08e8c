import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { formatBytes } from '../../shared/base/quantity.ts';
import { HEADER_BYTES } from './format.ts';
import { RefusedImage } from './refused-image.ts';

/** A file that was unpacked or taken out of something. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The first bytes, for `inspectHeader`. */
  readonly header: Buffer;
}

interface WriteOptions {
  readonly signal: AbortSignal;
  readonly mostBytes: number;
  readonly makeRoom: (neededBytes: number) => Promise<void>;
}

/** How far writing may go before it looks again at what the disk has left. */
const SPACE_CHECK_BYTES = 16 * 1024 * 1024;
/** As large as a file system's block often is: of zeros, it need not be written. */
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(1024 * 1024);

/**
 * Writes what comes to a file, in place of one that is there, and leaves out blocks of zeros: the free space of a
 * raw image takes none of the box's.
 * @throws RefusedImage where there is more than `mostBytes`; EffectError `DiskFull`
 */
export async function writeSparsely(
  path: string,
  content: AsyncIterable<Buffer>,
  { signal, mostBytes, makeRoom }: WriteOptions,
): Promise<WrittenFile> {
  const file = await open(path, 'w', 0o644);
  try {
    const hash = createHash('sha256');
    let header = Buffer.alloc(0);
    let bytes = 0;
    let checkedAt = -SPACE_CHECK_BYTES;
    for await (const chunk of content) {
      signal.throwIfAborted();
      if (bytes + chunk.length > mostBytes) {
        throw new RefusedImage(
          'ImageTooLarge',
          `unpacks to more than the ${formatBytes(mostBytes)} that may be taken`,
        );
      }
      if (bytes - checkedAt >= SPACE_CHECK_BYTES) {
        await makeRoom(0);
        checkedAt = bytes;
      }
      if (header.length < HEADER_BYTES) header = Buffer.concat([header, chunk]).subarray(0, HEADER_BYTES);
      hash.update(chunk);
      for (const { start, end } of filledParts(chunk)) {
        await file.write(chunk, start, end - start, bytes + start);
      }
      bytes += chunk.length;
    }
    await file.truncate(bytes);
    return { path, bytes, sha256: hash.digest('hex'), header };
  } finally {
    await file.close();
  }
}

/** The parts of a chunk that are not only zeros, cut at whole blocks of the chunk. */
function filledParts(chunk: Buffer): { start: number; end: number }[] {
  const parts: { start: number; end: number }[] = [];
  for (let start = 0; start < chunk.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, chunk.length);
    if (chunk.compare(ZEROS, 0, end - start, start, end) === 0) continue;
    const last = parts.at(-1);
    if (last?.end === start) last.end = end;
    else parts.push({ start, end });
  }
  return parts;
}
