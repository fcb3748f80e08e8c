import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { writeFileDurably } from '../../shared/host/files.ts';

/** All that networks need of the box: its tools and small files. */
export interface Shell {
  /**
   * Runs a program and returns what it printed.
   * @throws EffectError ToolMissing, or ToolFailed with what it said
   */
  run(words: readonly string[], input?: string): Promise<string>;
  /** The text of a file; undefined where there is none. */
  read(path: string): Promise<string | undefined>;
  /** Puts a file in place as a whole, durably, for all to read. */
  write(path: string, text: string): Promise<void>;
}

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const DEADLINE_MS = 20_000;

/** @param prefix words before each command, to run it elsewhere (in another network namespace, say) */
export function createShell(prefix: readonly string[] = []): Shell {
  return {
    run: async (words, input) => run([...prefix, ...words], words[0] ?? '', input),
    async read(path) {
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw new EffectError('FileUnreadable', path, `can't read ${path}: ${messageOf(error)}`, error);
      }
    },
    async write(path, text) {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      // Also for dnsmasq's own user.
      writeFileDurably(path, text, 0o644);
    },
  };
}

async function run(words: readonly string[], name: string, input: string | undefined): Promise<string> {
  const [file = '', ...args] = words;
  return new Promise((resolve, reject) => {
    const options = { env: ENVIRONMENT, timeout: DEADLINE_MS, killSignal: 'SIGKILL' } as const;
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (error.code === 'ENOENT')
        return reject(new EffectError('ToolMissing', name, `${name} is not installed`, error));
      const said = error.killed === true ? 'took too long' : stderr.trim() || messageOf(error);
      return reject(new EffectError('ToolFailed', name, `${words.slice(0, 4).join(' ')}: ${said}`, error));
    });
    // A tool that ends before it has read all says so by its exit.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}
