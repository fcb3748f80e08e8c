import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config/load.ts';

/** flock(1)'s exit code where someone else holds the lock. */
const HELD = 75;

/**
 * Takes a data folder for this process alone, for as long as it lives: flock(2) goes with the open file,
 * so no lock is left behind by a crash. The result lets go of it.
 * @throws ConfigError where another process has it
 */
export async function lockFolder(dataDir: string): Promise<() => void> {
  const file = openSync(join(dataDir, 'process.lock'), 'a', 0o600);
  const options = ['--exclusive', '--nonblock', '--conflict-exit-code', String(HELD), '3'];
  const child = spawn('flock', options, { stdio: ['ignore', 'ignore', 'inherit', file] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code === HELD) throw new ConfigError(`dataDir ${dataDir} is in use by another process`);
  if (code !== 0) throw new Error(`flock ended with ${code}`);
  return () => closeSync(file);
}
