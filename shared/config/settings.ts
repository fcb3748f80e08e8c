import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Cidr } from '../base/cidr.ts';
import { parseCidr } from '../base/cidr.ts';

/** The settings of a process: one table makes its flags, environment, file keys and `--help`. */

export interface Setting<T> {
  /** What `--help` shows for the value, e.g. `DIR`. */
  readonly placeholder: string;
  readonly prose: string;
  /** What `--help` shows it below. */
  readonly topic?: string;
  /** Left out where the setting must be given. */
  readonly fallback?: string;
  /** @throws Error whose message completes "<key> …", e.g. "must be HOST:PORT" */
  readonly parse: (text: string) => T;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ConfigOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

type Options = Pick<Setting<unknown>, 'prose' | 'fallback'>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const folder = (options: Options): Setting<string> => ({
  placeholder: 'DIR',
  ...options,
  parse: (text) => {
    if (text === '') throw new Error('must be a folder');
    return resolve(text);
  },
});

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const text = (placeholder: string, options: Options): Setting<string> => ({
  placeholder,
  ...options,
  parse: (given) => given,
});

/** A file that something is read from; '' where there is none. */
export const file = (options: Options): Setting<string> => ({
  placeholder: 'FILE',
  ...options,
  parse: (text) => (text === '' ? '' : resolve(text)),
});

/** An address to listen on. Port 0 lets the system choose. */
export const address = (options: Options): Setting<Address> => ({
  placeholder: 'HOST:PORT',
  ...options,
  parse: parseAddress,
});

/** One that may be left out, by ''. */
export const optionalAddress = (options: Options): Setting<Address | undefined> => ({
  ...address(options),
  parse: (given) => (given === '' ? undefined : parseAddress(given)),
});

/** One that only this host gets to. */
export const loopbackAddress = (options: Options): Setting<Address> => ({
  ...address(options),
  parse: (text) => {
    const parsed = parseAddress(text);
    if (isLoopback(parsed)) return parsed;
    throw new Error(`must be a loopback address such as 127.0.0.1:${parsed.port}: nothing is encrypted yet`);
  },
});

/** Where a broker is; with '' as its fallback, '' is none. */
export const brokerUrl = (options: Options): Setting<string> => ({
  placeholder: 'URL',
  ...options,
  parse: (text) => {
    if (text === '' && options.fallback === '') return '';
    const [, scheme = 'mqtt', host] = /^(?:(mqtts?):\/\/)?([^/@]+)\/?$/.exec(text) ?? [];
    try {
      parseAddress(host ?? '');
    } catch (error) {
      throw new Error('must be mqtt://HOST:PORT or mqtts://HOST:PORT', { cause: error });
    }
    return `${scheme}://${host}`;
  },
});

/** Where streams are brought: an http or https URL, of which '' is none. */
export const streamUrl = (options: Options): Setting<URL | undefined> => ({
  placeholder: 'URL',
  ...options,
  parse: (text) => {
    if (text === '') return undefined;
    const url = URL.parse(text);
    const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === '';
    if (isPlain && ['http:', 'https:'].includes(url.protocol)) return url;
    throw new Error('must be http://HOST:PORT or https://HOST:PORT, with or without a path');
  },
});

export const choice = <const T extends string>(values: readonly T[], options: Options): Setting<T> => ({
  placeholder: values.join('|'),
  ...options,
  parse: (text) => {
    const value = values.find((known) => known === text);
    if (value === undefined) throw new Error(`must be one of ${values.join(', ')}`);
    return value;
  },
});

export const label = (options: Options): Setting<string> => ({
  placeholder: 'NAME',
  ...options,
  parse: (text) => {
    if (text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text)) return text;
    throw new Error('must be a DNS-1123 label: lower case letters, digits and "-", 63 at most');
  },
});

/** Folders, parted by commas; '' for none. */
export const folders = (options: Options): Setting<readonly string[]> => ({
  placeholder: 'DIR,...',
  ...options,
  parse: (given) => splitList(given).map((path) => resolve(path)),
});

/** What stands for what: `KEY=VALUE`, parted by commas; '' for nothing. */
export const mapping = (
  placeholder: string,
  key: RegExp,
  options: Options,
): Setting<ReadonlyMap<string, string>> => ({
  placeholder: `${placeholder},...`,
  ...options,
  parse: (given) => {
    const pairs = splitList(given).map((pair) => /^([^=]+)=(.+)$/.exec(pair)?.slice(1) ?? ['', '']);
    for (const [name = ''] of pairs)
      if (!key.test(name)) throw new Error(`must be ${placeholder}, parted by commas`);
    const map = new Map(pairs.map(([name = '', value = '']) => [name, value]));
    if (map.size < pairs.length) throw new Error('must name nothing twice');
    return map;
  },
});

function splitList(given: string): string[] {
  return given
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export const ipv4Address = (options: Options): Setting<string> => ({
  placeholder: 'IP',
  ...options,
  parse: (text) => {
    if (isIP(text) !== 4) throw new Error('must be an IPv4 address');
    return text;
  },
});

export const ipv4Network = (longestPrefix: number, options: Options): Setting<Cidr> => ({
  placeholder: 'IP/PREFIX',
  ...options,
  parse: (text) => {
    const cidr = parseCidr(text);
    if (cidr?.version === 4 && cidr.prefix >= 8 && cidr.prefix <= longestPrefix) return cidr;
    throw new Error(`must be an IPv4 network such as 10.46.0.0/20, of /8 to /${longestPrefix}`);
  },
});

/** What the kernel lets a network device be called, as far as tools take it in every place. */
export const interfaceName = (options: Options): Setting<string> => ({
  placeholder: 'NAME',
  ...options,
  parse: (text) => {
    if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(text)) return text;
    throw new Error('must be 1 to 15 letters, digits, "_", "." or "-"');
  },
});

export const integer = (min: number, max: number, options: Options): Setting<number> => ({
  placeholder: 'N',
  ...options,
  parse: (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new Error(`must be a whole number from ${min} to ${max}`);
  },
});

/** Puts settings under one heading of `--help`. */
export function about<const S extends Settings>(topic: string, settings: S): S {
  const entries = Object.entries(settings).map(([key, setting]) => [key, { ...setting, topic }]);
  return Object.fromEntries(entries) as S;
}

/** `dataDir` as a flag: `--data-dir`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `dataDir` in the environment: `HOLDFAST_DATA_DIR`. */
export function variableOf(key: string): string {
  return `HOLDFAST_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [host, port] = [match?.[1] ?? match?.[2], Number(match?.[3])];
  if (host === undefined || !(port <= 65_535)) throw new Error('must be HOST:PORT, such as 127.0.0.1:8443');
  return { host, port };
}

export function isLoopback({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
