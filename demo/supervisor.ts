import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHECKOUT } from './config.ts';

/** How long a process may take to end when asked to. */
const STOP_DEADLINE_MS = 20_000;

export interface Supervised {
  /** Starts it with what `args` gives, and again `restartAfterMs` after it ended by itself. */
  start(args: () => readonly string[]): void;
  /** Ends it for good. */
  stop(): Promise<void>;
  readonly pidFile: string;
  readonly logFile: string;
}

/**
 * Keeps one `holdfast` process running, as systemd does on a box, in a process group of its own so that Ctrl-C
 * reaches only the demo. `say` is told when it ends and when it is started again.
 */
export function supervise(
  name: 'hub' | 'agent',
  dataDir: string,
  restartAfterMs: number,
  say: (line: string) => void,
): Supervised {
  const [pidFile, logFile] = [join(dataDir, `${name}.pid`), join(dataDir, `${name}.log`)];
  let child: ChildProcess | undefined;
  let stopped = false;

  function launch(args: () => readonly string[]): void {
    const log = openSync(logFile, 'a');
    const started = spawn(CHECKOUT.holdfast, [name, ...args()], {
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child = started;
    writeFileSync(pidFile, `${started.pid}\n`);
    started.once('exit', (code, signal) => {
      if (stopped) return;
      say(
        `the ${name} ended (${signal ?? `exit code ${code}`}); it is started again in ${restartAfterMs / 1000} s`,
      );
      setTimeout(() => {
        if (stopped) return;
        launch(args);
        say(`the ${name} was started again (pid ${child?.pid})`);
      }, restartAfterMs);
    });
  }

  return {
    pidFile,
    logFile,
    start(args) {
      mkdirSync(dataDir, { recursive: true });
      launch(args);
    },
    async stop() {
      stopped = true;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(STOP_DEADLINE_MS, undefined, { ref: false })]);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    },
  };
}
