import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../../shared/config/load.ts';
import {
  address,
  brokerUrl,
  choice,
  file as fileSetting,
  flagOf,
  folder,
  integer,
  ipv4Address,
  label,
  loopbackAddress,
  variableOf,
} from '../../../shared/config/settings.ts';

const SETTINGS = {
  dataDir: folder({ prose: 'where it is kept', fallback: '/var/lib/somewhere' }),
  name: label({ prose: 'its name' }),
  keepalive: integer(5, 1200, { prose: 'seconds', fallback: '240' }),
  listen: loopbackAddress({ prose: 'where it listens', fallback: '127.0.0.1:0' }),
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(directory, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

const load = (flags: Record<string, string> = {}, environment: Record<string, string> = {}) =>
  loadConfig(SETTINGS, { flags, environment });
const complaint = (flags: Record<string, string>, environment: Record<string, string> = {}) => {
  expect(() => load(flags, environment)).toThrow(ConfigError);
  try {
    load(flags, environment);
  } catch (error) {
    return String((error as Error).message);
  }
  return '';
};

describe('where a setting comes from', () => {
  test('a flag wins over the environment, that over the file, and that over the default', () => {
    const config = file('name: from-file\nkeepalive: 7\ndataDir: /from/file\n');
    const environment = { HOLDFAST_NAME: 'from-environment', HOLDFAST_KEEPALIVE: '8' };
    expect(load({ config, name: 'from-flag' }, environment)).toEqual({
      name: 'from-flag',
      keepalive: 8,
      dataDir: '/from/file',
      listen: { host: '127.0.0.1', port: 0 },
    });
  });

  test('the file may be named by the environment, and a flag names another', () => {
    const HOLDFAST_CONFIG = join(directory, 'missing.yaml');
    expect(load({ config: file('name: a\n') }, { HOLDFAST_CONFIG }).name).toBe('a');
    expect(complaint({ name: 'a' }, { HOLDFAST_CONFIG })).toContain('missing.yaml');
  });

  test('an empty file is one without settings', () => {
    expect(load({ config: file(''), name: 'a' }).keepalive).toBe(240);
  });

  test('keys have one spelling for each place', () => {
    expect([flagOf('dataDir'), variableOf('dataDir')]).toEqual(['--data-dir', 'HOLDFAST_DATA_DIR']);
    expect([flagOf('name'), variableOf('name')]).toEqual(['--name', 'HOLDFAST_NAME']);
  });
});

describe('a wrong setting', () => {
  test('is named in one line with the place where it was given', () => {
    expect(complaint({ name: 'A' })).toMatch(/^--name must be a DNS-1123 label.*, not "A"$/);
    expect(complaint({ name: 'a' }, { HOLDFAST_KEEPALIVE: '4' })).toBe(
      'HOLDFAST_KEEPALIVE must be a whole number from 5 to 1200, not "4"',
    );
    const config = file('name: a\nkeepalive: often\n');
    expect(complaint({ config })).toBe(
      `${config}: keepalive must be a whole number from 5 to 1200, not "often"`,
    );
  });

  test('that is missing says how to give it', () => {
    expect(complaint({})).toBe('name is required: give --name NAME or HOLDFAST_NAME');
  });

  test.each([
    ['nmae: a\n', /unknown key nmae; known: dataDir, name/],
    ['name: [a, b]\n', /name must be a single value/],
    ['- name\n', /must be a map of settings/],
    ['name: "a\n', /^config file .*config\.yaml: [^\n]+$/],
  ])('in a file that says %j is refused', (text, message) => {
    expect(complaint({ config: file(text) })).toMatch(message);
  });
});

const KINDS = {
  loopback: loopbackAddress({ prose: '' }),
  address: address({ prose: '' }),
  broker: brokerUrl({ prose: '' }),
  maybeBroker: brokerUrl({ prose: '', fallback: '' }),
  file: fileSetting({ prose: '', fallback: '' }),
  choice: choice(['auto', 'kvm'], { prose: '' }),
  label: label({ prose: '' }),
  ip: ipv4Address({ prose: '' }),
  integer: integer(0, 10, { prose: '' }),
  folder: folder({ prose: '' }),
};

test.each([
  ['loopback', '127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['loopback', '127.9.9.9:65535', { host: '127.9.9.9', port: 65_535 }],
  ['loopback', 'localhost:80', { host: 'localhost', port: 80 }],
  ['loopback', '[::1]:80', { host: '::1', port: 80 }],
  ['broker', 'mqtt://hub.example:1883', 'mqtt://hub.example:1883'],
  ['broker', 'hub.example:1883', 'mqtt://hub.example:1883'],
  ['broker', 'mqtt://[::1]:1883/', 'mqtt://[::1]:1883'],
  ['broker', 'mqtts://hub.example:8883', 'mqtts://hub.example:8883'],
  ['maybeBroker', '', ''],
  ['maybeBroker', 'mqtt://hub.example:1883', 'mqtt://hub.example:1883'],
  ['address', '0.0.0.0:8883', { host: '0.0.0.0', port: 8883 }],
  ['file', '', ''],
  ['file', '/a/../b', '/b'],
  ['choice', 'kvm', 'kvm'],
  ['label', 'edge-1', 'edge-1'],
  ['label', 'a'.repeat(63), 'a'.repeat(63)],
  ['ip', '10.0.0.1', '10.0.0.1'],
  ['integer', '10', 10],
  ['folder', '/a/../b/', '/b'],
] as const)('as %s, %s is taken', (kind, text, value) => {
  expect(KINDS[kind].parse(text)).toEqual(value);
});

test.each([
  ['loopback', '0.0.0.0:80'],
  ['loopback', '[::]:80'],
  ['loopback', '192.168.1.1:80'],
  ['loopback', '127.0.0.1.evil.example:80'],
  ['loopback', '127.0.0.1'],
  ['loopback', '127.0.0.1:65536'],
  ['loopback', '::1:80'],
  ['broker', ''],
  ['broker', 'mqtt://user:secret@hub.example:1883'],
  ['broker', 'user@hub.example:1883'],
  ['maybeBroker', 'hub.example'],
  ['address', '0.0.0.0'],
  ['broker', 'http://hub.example:80'],
  ['broker', 'hub.example'],
  ['broker', 'user@hub.example/path:1'],
  ['choice', 'KVM'],
  ['label', 'a'.repeat(64)],
  ['label', '-a'],
  ['label', 'a.b'],
  ['label', ''],
  ['ip', '1.2.3'],
  ['ip', '::1'],
  ['integer', '11'],
  ['integer', '1.5'],
  ['integer', '-1'],
  ['integer', ''],
  ['folder', ''],
] as const)('as %s, %s is refused', (kind, text) => {
  expect(() => KINDS[kind].parse(text)).toThrow(/^must be /);
});
