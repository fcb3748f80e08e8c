import { spawn } from 'node:child_process';

/** What the tables of an image may take in memory: enough for several TiB, and no more than a box can spare. */
const MOST_MEMORY_BYTES = 2 * 1024 ** 3;
/** Of what a tool complains of (a line per cluster, so perhaps gigabytes), the end is kept. */
const WORDS_BYTES = 2048;

export interface ToolOptions {
  readonly signal: AbortSignal;
  /** The words before a command that make it run as an unprivileged user; none where there is no such user. */
  readonly runAs: readonly string[];
  readonly deadlineS: number;
  /** Of each file that it writes; 0 for a tool that writes none. */
  readonly mostFileBytes: number;
}

/** How a tool ended: its exit status, 124 for the deadline, or a signal's name; and the last line that it wrote. */
export interface ToolEnd {
  readonly status: number | string;
  readonly words: string;
}

/**
 * Runs a tool over what others made: with limits of time, memory and output, as an unprivileged user, and without
 * the agent's own environment. Ends with the agent, or soon after.
 */
export function runLimited(command: readonly string[], options: ToolOptions): Promise<ToolEnd> {
  const { signal, runAs, deadlineS, mostFileBytes } = options;
  const limits = [`--as=${MOST_MEMORY_BYTES}`, `--cpu=${deadlineS}`, `--fsize=${mostFileBytes}`, '--core=0'];
  const words = [...limits, 'timeout', '-k', '1', String(deadlineS), ...runAs, ...command];
  return new Promise((resolve) => {
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
    const child = spawn('prlimit', words, { stdio: ['ignore', 'ignore', 'pipe'], signal, env });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-WORDS_BYTES);
    });
    // Could not be started, or was stopped by the signal.
    child.on('error', (error) => resolve({ status: 'an error', words: error.message }));
    child.on('close', (code, name) => {
      resolve({ status: code ?? name ?? 'an error', words: said.trim().split('\n').at(-1) ?? '' });
    });
  });
}
