import { chmod, chown, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SEED_FILE } from '../machine/files.ts';
import type { SeedFile } from '../machine/seed.ts';
import { withStaging } from './folder.ts';
import type { Account } from './launch.ts';
import { runTool } from './tool.ts';

/**
 * Makes `seed.iso` of a machine's seed, where it has one: an ISO 9660 image labelled `cidata`, as cloud-init's
 * NoCloud data source looks for. It is made at each start, so that it always holds what the manifest says.
 */
export async function makeSeedImage(
  folder: string,
  seed: readonly SeedFile[],
  account: Account | undefined,
): Promise<void> {
  if (seed.length === 0) return;
  await withStaging(folder, async (staging) => {
    for (const { name, content, encoding } of seed)
      await writeFile(join(staging, name), content, { encoding });
    const names = seed.map(({ name }) => name);
    await runTool(
      'genisoimage',
      ['-quiet', '-output', SEED_FILE, '-volid', 'cidata', '-joliet', '-rock', ...names],
      staging,
    );
    const made = join(staging, SEED_FILE);
    // User data may hold passwords.
    await chmod(made, 0o600);
    if (account !== undefined) await chown(made, account.uid, account.gid);
    await rename(made, join(folder, SEED_FILE));
  });
}
