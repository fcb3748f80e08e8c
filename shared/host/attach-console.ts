import type { Duplex } from 'node:stream';
import type { ReadStream } from 'node:tty';

/** The key that leaves a console, as in virtctl: Ctrl-]. */
const LEAVE = 0x1d;
/** What answers to the last of what was typed in is still printed, where that came from a file. */
const LAST_WORDS_MS = 200;

interface Terminal {
  readonly stdin: Pick<ReadStream, 'isTTY' | 'setRawMode'> & NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Shows a console to whoever sits at a terminal until they leave it, or it has ended, and then `why` that may be.
 * @throws Error where the stream failed
 */
export async function attachConsole(
  name: string,
  stream: Duplex,
  terminal: Terminal,
  why: string,
): Promise<void> {
  const { stderr } = terminal;
  stderr.write(`Connected to ${name}; leave with Ctrl-]\r\n`);
  const how = await joinTerminal(stream, terminal).finally(() => stderr.write('\r\n'));
  if (how === 'ended') stderr.write(`The console of ${name} has ended: ${why}\n`);
}

/**
 * Joins a terminal to a stream of a console until whoever sits there has `left`, by Ctrl-] or the end of their input,
 * or the console has `ended`; the terminal is as it was then.
 */
async function joinTerminal(stream: Duplex, { stdin, stdout }: Terminal): Promise<'left' | 'ended'> {
  if (stdin.isTTY) stdin.setRawMode(true);
  try {
    return await new Promise((resolve, reject) => {
      stream.on('data', (chunk: Buffer) => stdout.write(chunk));
      stream.on('error', reject);
      stream.on('close', () => resolve('ended'));
      stdin.on('data', (chunk: Buffer) => {
        const leave = stdin.isTTY ? chunk.indexOf(LEAVE) : -1;
        if (leave >= 0) resolve('left');
        else stream.write(chunk);
      });
      stdin.on('end', () => setTimeout(resolve, LAST_WORDS_MS, 'left'));
    });
  } finally {
    stream.destroy();
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  }
}
