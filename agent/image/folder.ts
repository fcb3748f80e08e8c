import { chmodSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Makes a folder with exactly this mode, whatever the umask; its parents must exist. */
export function openFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

/** Writes a file through to disk; of a folder, what was renamed in it. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
