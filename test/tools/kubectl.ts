import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KUBECTL = join(import.meta.dirname, '../../.holdfast/tools/kubectl');
const DEADLINE_MS = 60_000;

export interface Finished {
  /** Null where it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Resolves once standard output holds `text`; rejects when the process ends without it. */
  sees(text: string | RegExp): Promise<void>;
  /** Interrupts it, and resolves when it has ended. */
  stop(): Promise<Finished>;
  readonly finished: Promise<Finished>;
}

interface KubectlOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the real `kubectl` to its end. */
export function kubectl(
  kubeconfigPath: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<Finished> {
  return startKubectl(kubeconfigPath, args, options).finished;
}

/** Starts the real `kubectl`, for commands that go on; killed after a minute. */
export function startKubectl(
  kubeconfigPath: string,
  args: readonly string[],
  { stdin = '', env = {} }: KubectlOptions = {},
): Running {
  if (!existsSync(KUBECTL)) throw new Error(`${KUBECTL} is not there: run bin/setup`);
  // A home of its own: kubectl caches discovery by address, and addresses come again.
  const home = mkdtempSync(join(tmpdir(), 'holdfast-kubectl-'));
  const child = spawn(KUBECTL, args, {
    env: { HOME: home, KUBECONFIG: kubeconfigPath, PATH: '/usr/bin:/bin', ...env },
    timeout: DEADLINE_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that does not read its input closes it.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      rmSync(home, { recursive: true, force: true });
      resolve({ code, stdout, stderr });
    });
  });

  return {
    finished,
    sees(text) {
      return new Promise((resolve, reject) => {
        const look = () =>
          (typeof text === 'string' ? stdout.includes(text) : text.test(stdout)) && resolve();
        child.stdout.on('data', look);
        child.on('close', () =>
          reject(new Error(`kubectl ended without "${String(text)}": ${stdout}${stderr}`)),
        );
        look();
      });
    },
    stop() {
      child.kill('SIGINT');
      return finished;
    },
  };
}
