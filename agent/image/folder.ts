import { chmodSync, mkdirSync } from 'node:fs';

/** Makes a folder with exactly this mode, whatever the umask; its parents must exist. */
export function openFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}
