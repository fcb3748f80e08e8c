import { EffectError } from '../../shared/base/errors.ts';
import { runLimited } from './limited-tool.ts';
import { RefusedImage } from './refused-image.ts';

/** Reading the tables of a terabyte takes seconds, from a slow card perhaps a minute. */
const DEADLINE_S = 120;

interface CheckOptions {
  readonly signal: AbortSignal;
  readonly runAs: readonly string[];
}

/**
 * Whether every cluster that a qcow2 image refers to is in the file and used as it should be. `inspectHeader`
 * must have found nothing to refuse: this opens the image.
 *
 * @throws RefusedImage; EffectError `ImageCheckFailed` where the check itself could not be made
 */
export async function checkQcow2(path: string, { signal, runAs }: CheckOptions): Promise<void> {
  const command = ['qemu-img', 'check', '-f', 'qcow2', path];
  const { status, words } = await runLimited(command, {
    signal,
    runAs,
    deadlineS: DEADLINE_S,
    mostFileBytes: 0,
  });
  switch (status) {
    case 0:
    // Leaked clusters: they waste room and harm nothing.
    case 3:
      return;
    case 1:
      throw new RefusedImage('BrokenImage', `is a broken qcow2 image: ${words}`);
    case 2:
      throw new RefusedImage(
        'BrokenImage',
        'is a broken qcow2 image, perhaps cut short: clusters are missing',
      );
    default: {
      const what = status === 124 ? `took more than ${DEADLINE_S} s` : `ended with ${status}: ${words}`;
      throw new EffectError('ImageCheckFailed', path, `qemu-img check ${what}`);
    }
  }
}
