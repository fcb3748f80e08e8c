import { statfs } from 'node:fs/promises';
import { EffectError } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/quantity.ts';

/** What is left for us of the file system that `folder` is on, in bytes. */
export async function availableBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/**
 * Refuses to go on where `neededBytes` more would leave less than `reserveBytes`.
 * @throws EffectError `DiskFull`
 */
export async function ensureSpace(folder: string, neededBytes: number, reserveBytes: number): Promise<void> {
  const available = await availableBytes(folder);
  if (available < neededBytes + reserveBytes) throw diskFull(folder, neededBytes, reserveBytes, available);
}

/** `neededBytes` is 0 where a server does not say how large an image is. */
export function diskFull(folder: string, neededBytes: number, reserveBytes: number, available: number) {
  const needed = neededBytes === 0 ? 'an unknown size' : formatBytes(neededBytes);
  const figures = `${needed} is needed, ${formatBytes(reserveBytes)} must stay free`;
  return new EffectError('DiskFull', folder, `disk full: ${figures}, ${formatBytes(available)} is available`);
}
