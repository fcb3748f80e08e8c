import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../shared/config/load.ts';

const FILE = 'token.key';
const KEY_BYTES = 32;

/**
 * The key by which the hub seals tokens, from its folder; made there by `write` where there is none yet.
 * @throws ConfigError where the file holds something else
 */
export function readTokenKey(dataDir: string, write: (path: string, text: string) => void): Uint8Array {
  const path = join(dataDir, FILE);
  if (!existsSync(path)) write(path, `${randomBytes(KEY_BYTES).toString('hex')}\n`);
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
  if (key.byteLength === KEY_BYTES) return key;
  throw new ConfigError(
    `${path} must hold ${KEY_BYTES * 2} hexadecimal digits: restore it, or delete it and give everyone a new kubeconfig`,
  );
}
