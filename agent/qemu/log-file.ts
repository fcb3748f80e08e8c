import { appendFileSync, closeSync, fstatSync, openSync, readSync, truncateSync } from 'node:fs';

/** The last `mostBytes` of a file; empty where there is none. */
export function readTail(path: string, mostBytes: number, fromByte = 0): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(fromByte, size - mostBytes);
    const tail = Buffer.alloc(Math.max(0, size - start));
    return tail.subarray(0, readSync(file, tail, 0, tail.length, start));
  } finally {
    closeSync(file);
  }
}

export const LONGEST_LOG_BYTES = 4 * 2 ** 20;
const KEPT_BYTES = 2 ** 20;

/**
 * Cuts a log that a running QEMU appends to down to its last part, once it is too long. QEMU writes with O_APPEND,
 * so that it goes on at the new end. Done without a pause in between, for what it writes meanwhile would be lost.
 */
export function trimLog(path: string, sizeBytes: number): void {
  if (sizeBytes <= LONGEST_LOG_BYTES) return;
  const tail = readTail(path, KEPT_BYTES);
  truncateSync(path, 0);
  appendFileSync(path, tail);
}
