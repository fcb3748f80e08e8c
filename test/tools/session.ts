import { spawn } from 'node:child_process';
import { waitFor } from './wait-for.ts';

/** A command that is told lines, and answers. */
export interface Session {
  say(text: string): void;
  /** Resolves once what came fits. */
  hears(pattern: RegExp): Promise<RegExpExecArray>;
  readonly heard: () => string;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  end(): void;
}

export function openSession(command: string, words: readonly string[]): Session {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  let heard = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (heard += more));
  // One that has ended hears nothing, and says so by what it does not answer.
  child.stdin.on('error', () => {});
  return {
    say: (text) => void child.stdin.write(text),
    hears: async (pattern) =>
      waitFor(`${String(pattern)} in what was said`, () => pattern.exec(heard) ?? undefined).catch(
        (error: unknown) => {
          throw new Error(`${String(error)}: ${heard.slice(-2_000)}`, { cause: error });
        },
      ),
    heard: () => heard,
    ended: new Promise((resolve) => child.once('close', resolve)),
    end: () => void child.kill(),
  };
}

/** Runs a line of shell in a terminal of its own (script(1)), which is told keys. */
export function openTerminal(line: string): Session {
  return openSession('script', ['--quiet', '--return', '--flush', '--command', line, '/dev/null']);
}
