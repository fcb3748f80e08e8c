import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { messageOf } from '../base/errors.ts';
import type { ConfigOf, Settings } from './settings.ts';
import { flagOf, variableOf } from './settings.ts';

/** Loaded where there is a file to read: without one, an agent starts with a tenth fewer modules. */
const loadYaml = () => createRequire(import.meta.url)('yaml') as typeof Yaml;

/** A wrong setting. The message is one line that names the key and where it was given. */
export class ConfigError extends Error {}

export interface Sources {
  /** Values of flags by key, `config` (the file) among them. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The configuration of a process: a flag wins over the environment, that over the YAML file named by `--config`
 * or `HOLDFAST_CONFIG`, that over the default.
 * @throws ConfigError
 */
export function loadConfig<S extends Settings>(settings: S, { flags, environment }: Sources): ConfigOf<S> {
  const path = flags['config'] ?? environment['HOLDFAST_CONFIG'];
  const file = path === undefined ? {} : readFile(path, settings);
  const entries = Object.entries(settings).map(([key, setting]) => {
    const candidates: [string, string | undefined][] = [
      [flagOf(key), flags[key]],
      [variableOf(key), environment[variableOf(key)]],
      [`${path ?? ''}: ${key}`, file[key]],
      [key, setting.fallback],
    ];
    const given = candidates.find(([, text]) => text !== undefined);
    if (given?.[1] === undefined) {
      throw new ConfigError(
        `${key} is required: give ${flagOf(key)} ${setting.placeholder} or ${variableOf(key)}`,
      );
    }
    try {
      return [key, setting.parse(given[1])];
    } catch (error) {
      throw new ConfigError(`${given[0]} ${messageOf(error)}, not "${given[1]}"`, { cause: error });
    }
  });
  return Object.fromEntries(entries) as ConfigOf<S>;
}

function readFile(path: string, settings: Settings): Record<string, string> {
  let content: unknown;
  try {
    content = loadYaml().parse(readFileSync(path, 'utf8')) ?? {};
  } catch (error) {
    throw new ConfigError(`config file ${path}: ${messageOf(error).split('\n')[0]}`, { cause: error });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new ConfigError(`config file ${path} must be a map of settings`);
  }
  const known = Object.keys(settings);
  const values = Object.entries(content).map(([key, value]: [string, unknown]) => {
    if (!known.includes(key))
      throw new ConfigError(`${path}: unknown key ${key}; known: ${known.join(', ')}`);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw new ConfigError(`${path}: ${key} must be a single value`);
    }
    return [key, String(value)];
  });
  return Object.fromEntries(values) as Record<string, string>;
}
