import { chmod, chown, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assert } from '../../shared/base/assert.ts';
import { EffectError } from '../../shared/base/errors.ts';
import type { SeedImage } from '../machine/seed.ts';
import { withStaging } from './folder.ts';
import type { Account } from './launch.ts';
import { runTool } from './tool.ts';

/** A path that leads nowhere but into the image's own folder. */
const PATH = /^(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9_.-]{1,253}(?:\/(?!$)|$))+$/;
/** Several times what Kubernetes lets a ConfigMap or a Secret hold. */
const MOST_CHARACTERS = 8 * 2 ** 20;

/**
 * Makes an ISO 9660 image of files. It is made at each start, so that it always holds what the manifest says.
 * @throws EffectError SeedTooLarge, DiskFull, ToolFailed
 */
export async function makeSeedImage(
  folder: string,
  name: string,
  { label, files }: SeedImage,
  account: Account | undefined,
): Promise<void> {
  const characters = files.reduce((sum, { content }) => sum + content.length, 0);
  if (characters > MOST_CHARACTERS)
    throw new EffectError(
      'SeedTooLarge',
      name,
      `the files of ${name} are larger than ${MOST_CHARACTERS} bytes`,
    );
  await withStaging(folder, async (staging) => {
    const root = join(staging, 'files');
    await mkdir(root);
    for (const { path, content, encoding } of files) {
      assert(PATH.test(path), `${JSON.stringify(path)} is no path of a seed's file`);
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content, { encoding, flag: 'wx' });
    }
    const names = ['-volid', label, '-joliet', '-joliet-long', '-rational-rock'];
    await runTool('genisoimage', ['-quiet', '-output', 'made.iso', ...names, 'files'], staging);
    const made = join(staging, 'made.iso');
    // User data may hold passwords.
    await chmod(made, 0o600);
    if (account !== undefined) await chown(made, account.uid, account.gid);
    await rename(made, join(folder, name));
  });
}
