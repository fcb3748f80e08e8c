import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Where a header (version 2 and later, QEMU's `docs/interop/qcow2.txt`) has what is read of it. */
const MAGIC = 0x514649fb;
const BACKING_OFFSET_AT = 8;
const BACKING_SIZE_AT = 16;
const VIRTUAL_SIZE_AT = 24;
const HEADER_BYTES = 32;
const LONGEST_BACKING_NAME = 1023;

export interface Qcow2Header {
  readonly virtualBytes: number;
  /** The path of the image underneath, where there is one. */
  readonly backing?: string;
}

/** What a disk's header says, also while QEMU has it open; undefined where the file is no qcow2. */
export async function readQcow2Header(path: string): Promise<Qcow2Header | undefined> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
    if (bytesRead < HEADER_BYTES || header.readUInt32BE(0) !== MAGIC) return undefined;
    const virtualBytes = Number(header.readBigUInt64BE(VIRTUAL_SIZE_AT));
    const offset = Number(header.readBigUInt64BE(BACKING_OFFSET_AT));
    const size = Math.min(header.readUInt32BE(BACKING_SIZE_AT), LONGEST_BACKING_NAME);
    if (offset === 0 || size === 0) return { virtualBytes };
    const name = Buffer.alloc(size);
    await file.read(name, 0, size, offset);
    return { virtualBytes, backing: resolve(dirname(path), name.toString('utf8')) };
  } finally {
    await file.close();
  }
}
