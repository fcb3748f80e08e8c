import { execFile } from 'node:child_process';

const DEADLINE_MS = 10_000;

/** The version that a QEMU says it has, e.g. `7.2.22`; undefined where it can't be run or says nothing of it. */
export function readQemuVersion(qemu: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(qemu, ['--version'], { timeout: DEADLINE_MS, killSignal: 'SIGKILL' }, (_error, stdout) => {
      resolve(/version (\d+(?:\.\d+)+)/.exec(stdout)?.[1]);
    });
  });
}
