import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/load.ts';
import type { MqttAccess } from './mqtt-client.ts';

/** Where things are read from; '' where there is none. */
interface MqttFiles {
  readonly user: string;
  readonly passwordFile: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** @throws Error with the name of a file that can't be read; ConfigError for a certificate without its key */
export function readMqttAccess(url: string, files: MqttFiles): MqttAccess {
  if ((files.certificate === '') !== (files.key === '')) {
    throw new ConfigError(`a certificate and its key for ${url} must be given together`);
  }
  const read = (path: string) => (path === '' ? undefined : readFileSync(path, 'utf8'));
  const [password, ca, cert, key] = [
    read(files.passwordFile)?.trimEnd(),
    read(files.ca),
    read(files.certificate),
    read(files.key),
  ];
  return {
    url,
    ...(password !== undefined && { username: files.user, password }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
