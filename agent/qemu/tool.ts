import { execFile } from 'node:child_process';
import { EffectError, messageOf } from '../../shared/base/errors.ts';
import { failureOf } from './failure.ts';
import { LOCKED_EXIT_CODE } from './launch.ts';

/**
 * What tools and QEMU are run with: their words are matched, so they are English; and nothing of the agent's own
 * environment (its settings, perhaps secrets) reaches a process that serves a guest.
 */
export const TOOL_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** Far beyond what making a file or asking for a name takes, also on a slow disk. */
const DEADLINE_MS = 60_000;

/**
 * Runs a short-lived tool and returns what it printed.
 * @throws EffectError with what it said on standard error: DiskFull, MachineLocked, ToolMissing, ToolFailed
 */
export async function runTool(file: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: TOOL_ENVIRONMENT, timeout: DEADLINE_MS, killSignal: 'SIGKILL', cwd } as const;
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (error.code === 'ENOENT') {
        return reject(new EffectError('ToolMissing', file, `${file} is not installed`, error));
      }
      if (error.code === LOCKED_EXIT_CODE) {
        return reject(
          new EffectError('MachineLocked', cwd ?? file, 'a process of the machine is there', error),
        );
      }
      const words = error.killed === true ? 'took too long' : stderr.trim() || messageOf(error);
      return reject(failureOf(`${file}: ${words}`, file, 'ToolFailed'));
    });
  });
}
