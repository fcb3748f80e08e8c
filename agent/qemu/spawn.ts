import { spawn } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../shared/base/assert.ts';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { withDeadline } from '../../shared/base/deadline.ts';
import { failureOf } from './failure.ts';
import { QEMU_LOG } from './folder.ts';
import type { Launch } from './launch.ts';
import { LOCKED_EXIT_CODE, LOCKED_WORD } from './launch.ts';
import { readTail } from './log-file.ts';
import { TOOL_ENVIRONMENT } from './tool.ts';

/** A gate that has the machine's lock, and what becomes of it. */
export interface OpenGate {
  readonly pid: number;
  /** Hands over the command's words, all at once. */
  send(words: string): void;
  kill(): void;
  /** Resolves when the process has ended, with what it said last. */
  readonly ended: Promise<EffectError>;
}

/** A scope takes systemd some ten milliseconds, longer on a box that just boots. */
const DEADLINE_MS = 20_000;
const LAST_WORDS_BYTES = 4096;

/**
 * Starts a gate in a machine's folder, in a session of its own: signals to the agent's group don't reach it, and
 * it holds nothing of the agent's but the log file.
 * @throws EffectError MachineLocked where a process of the machine lives, or with what was said
 */
export async function openGate(launch: Launch, folder: string, clock: Clock): Promise<OpenGate> {
  const logPath = join(folder, QEMU_LOG);
  const log = openSync(logPath, 'a', 0o600);
  const saidBefore = statSync(logPath).size;
  const child = spawn(launch.file, launch.args, {
    cwd: folder,
    detached: true,
    env: TOOL_ENVIRONMENT,
    stdio: ['pipe', 'pipe', log],
  });
  closeSync(log);
  child.unref();
  const { stdin, stdout } = child;
  assert(stdin !== null && stdout !== null, 'the gate is spawned with pipes');
  // A gate that has ended before it was told anything.
  stdin.on('error', () => {});

  const ended = new Promise<EffectError>((resolve) => {
    child.on('error', (error) =>
      resolve(new EffectError('ToolMissing', launch.file, `can't run ${launch.file}`, error)),
    );
    child.on('exit', (code, signal) => {
      const words = cleanWords(readTail(logPath, LAST_WORDS_BYTES, saidBefore).toString('utf8'));
      resolve(explainEnd(folder, code, signal, words));
    });
  });
  const locked = new Promise<void>((resolve) => {
    stdout.once('data', (said: Buffer) => {
      if (said.toString('utf8').startsWith(LOCKED_WORD)) resolve();
    });
  });
  const late = () => {
    child.kill('SIGKILL');
    return new EffectError('StartTimeout', folder, `${launch.file} did not get ready to start QEMU`);
  };
  const failed = await withDeadline(clock, DEADLINE_MS, Promise.race([locked, ended]), late);
  stdout.destroy();
  if (failed !== undefined) throw failed;
  return {
    pid: child.pid ?? 0,
    send: (words) => stdin.end(words),
    kill: () => child.kill('SIGKILL'),
    ended,
  };
}

function explainEnd(folder: string, code: number | null, signal: string | null, words: string): EffectError {
  if (code === LOCKED_EXIT_CODE) {
    return new EffectError('MachineLocked', folder, 'a process of the machine is there already');
  }
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  return failureOf(words === '' ? `QEMU ended ${how}` : words, folder, 'QemuFailed');
}

/** Without the time and program in front of each line. */
function cleanWords(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^\S+Z (qemu-system-\w+: )?/, '').trim());
  return lines
    .filter((line) => line !== '')
    .slice(-3)
    .join('; ');
}
