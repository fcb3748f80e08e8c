import { spawn } from 'node:child_process';
import { EffectError } from '../../shared/base/errors.ts';
import type { Refusal } from './format.ts';

/** Reading the tables of a terabyte takes seconds, from a slow card perhaps a minute. */
const DEADLINE_S = 120;
/** What the tables of an image may take in memory: enough for several TiB, and no more than a box can spare. */
const MOST_MEMORY_BYTES = 2 * 1024 ** 3;
/** Of what qemu-img complains of (a line per cluster, so perhaps gigabytes), the end is kept. */
const WORDS_BYTES = 2048;

/**
 * Whether every cluster that a qcow2 image refers to is in the file and used as it should be. `inspectHeader`
 * must have found nothing to refuse: this opens the image. Ends with the agent, or soon after.
 *
 * @returns what is wrong with the image, or undefined
 * @throws EffectError `ImageCheckFailed` where the check itself could not be made
 */
export async function checkQcow2(path: string, signal: AbortSignal): Promise<Refusal | undefined> {
  const { status, words } = await runCheck(path, signal);
  switch (status) {
    case 0:
    // Leaked clusters: they waste room and harm nothing.
    case 3:
      return undefined;
    case 1:
      return { code: 'BrokenImage', message: `is a broken qcow2 image: ${words}` };
    case 2:
      return {
        code: 'BrokenImage',
        message: 'is a broken qcow2 image, perhaps cut short: clusters are missing',
      };
    default: {
      const what = status === 124 ? `took more than ${DEADLINE_S} s` : `ended with ${status}: ${words}`;
      throw new EffectError('ImageCheckFailed', path, `qemu-img check ${what}`);
    }
  }
}

/** Ends with qemu-img's exit status, 124 for the deadline, or a signal's name; and the last line that it wrote. */
function runCheck(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number | string; readonly words: string }> {
  const limits = [`--as=${MOST_MEMORY_BYTES}`, 'timeout', '-k', '1', String(DEADLINE_S)];
  const command = [...limits, 'qemu-img', 'check', '-f', 'qcow2', path];
  return new Promise((resolve) => {
    const child = spawn('prlimit', command, { stdio: ['ignore', 'ignore', 'pipe'], signal });
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-WORDS_BYTES);
    });
    // Could not be started, or was stopped by the signal.
    child.on('error', (error) => resolve({ status: 'an error', words: error.message }));
    child.on('close', (code, name) => {
      resolve({ status: code ?? name ?? 'an error', words: words.trim().split('\n').at(-1) ?? '' });
    });
  });
}
