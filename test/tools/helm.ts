import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Finished } from './kubectl.ts';

const HELM = join(import.meta.dirname, '../../.holdfast/tools/helm');
const DEADLINE_MS = 60_000;

/** Runs the real `helm` to its end; killed after a minute. */
export async function helm(kubeconfigPath: string, args: readonly string[]): Promise<Finished> {
  if (!existsSync(HELM)) throw new Error(`${HELM} is not there: run bin/setup`);
  // A home of its own: it caches discovery by address, and addresses come again.
  const home = mkdtempSync(join(tmpdir(), 'holdfast-helm-'));
  try {
    const env = { HOME: home, KUBECONFIG: kubeconfigPath, PATH: '/usr/bin:/bin' };
    const child = spawn(HELM, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: DEADLINE_MS });
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { code, stdout, stderr };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
