import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** `sun_path` of unix(7) holds 108 bytes, the closing NUL among them. */
const LONGEST_SOCKET_PATH_BYTES = 107;

/**
 * Calls `use` with a path by which the socket at `path` can be bound or connected, however long `path` is:
 * where it is too long for the kernel, one through an open descriptor of its folder.
 */
export async function withSocketPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH_BYTES) return use(path);
  const folder = openSync(dirname(path), 'r');
  try {
    return await use(`/proc/self/fd/${folder}/${basename(path)}`);
  } finally {
    closeSync(folder);
  }
}
