import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { codeOf } from '../../shared/base/errors.ts';

/** Whether a file can be read past the page cache (open(2), O_DIRECT): on some file systems none can. */
export async function opensDirectly(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
    await file.close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return false;
    throw error;
  }
}
