import { appendFileSync, closeSync, fstatSync, openSync, readSync, truncateSync } from 'node:fs';

/** The last `mostBytes` of a file; empty where there is none. */
export function readTail(path: string, mostBytes: number, fromByte = 0): Buffer {
  return readPart(path, (size) => ({ start: Math.max(fromByte, size - mostBytes), end: size }));
}

/** At most `mostBytes` of a file from a place on; empty where there is none. */
export function readFrom(path: string, fromByte: number, mostBytes: number): Buffer {
  return readPart(path, (size) => ({ start: fromByte, end: Math.min(size, fromByte + mostBytes) }));
}

function readPart(
  path: string,
  choose: (sizeBytes: number) => { readonly start: number; readonly end: number },
): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const { start, end } = choose(fstatSync(file).size);
    const part = Buffer.alloc(Math.max(0, end - start));
    return part.subarray(0, readSync(file, part, 0, part.length, start));
  } finally {
    closeSync(file);
  }
}

export const LONGEST_LOG_BYTES = 4 * 2 ** 20;
const KEPT_BYTES = 2 ** 20;

/**
 * Cuts a log that a running QEMU appends to down to its last part, once it is too long, and says how many bytes are
 * gone. QEMU writes with O_APPEND, so that it goes on at the new end. Done without a pause in between, for what it
 * writes meanwhile would be lost.
 */
export function trimLog(path: string, sizeBytes: number): number {
  if (sizeBytes <= LONGEST_LOG_BYTES) return 0;
  const tail = readTail(path, KEPT_BYTES);
  truncateSync(path, 0);
  appendFileSync(path, tail);
  return sizeBytes - tail.length;
}
