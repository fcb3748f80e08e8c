import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SeedFile } from '../../../agent/machine/seed.ts';
import { makeSeedImage } from '../../../agent/qemu/seed-image.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-seed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const make = async (label: string, ...files: SeedFile[]) =>
  makeSeedImage(folder, 'seed-a.iso', { label, files }, undefined);
const text = (path: string, content: string): SeedFile => ({ path, content, encoding: 'utf8' });
const ask = (...words: string[]) =>
  execFileSync('isoinfo', ['-i', join(folder, 'seed-a.iso'), ...words], { encoding: 'latin1' });

test('the image has its label and its files, whatever they hold and however deep they lie', async () => {
  const long = `${'a-long-name'.repeat(8)}.conf`;
  await make('config-2', text('openstack/latest/meta_data.json', '{"uuid":"x"}'), text(long, 'long'), {
    path: 'binary',
    content: 'AP8=',
    encoding: 'base64',
  });
  expect(ask('-d')).toMatch(/^Volume id: config-2$/m);
  expect(ask('-R', '-f').trim().split('\n').toSorted()).toEqual(
    ['/binary', `/${long}`, '/openstack', '/openstack/latest', '/openstack/latest/meta_data.json'].toSorted(),
  );
  expect(ask('-R', '-x', '/openstack/latest/meta_data.json')).toBe('{"uuid":"x"}');
  expect(ask('-R', '-x', '/binary')).toBe('\0\xff');
  // Windows reads the Joliet names.
  expect(ask('-J', '-f')).toContain(long);
});

test('the image is for its machine alone, and nothing else is left behind', async () => {
  await make('cfgdata');
  await make('cfgdata', text('password', 'p'));
  expect(readdirSync(folder)).toEqual(['seed-a.iso']);
  expect(statSync(join(folder, 'seed-a.iso')).mode & 0o777).toBe(0o600);
});

test('no name leads out of the image, and none can be there twice', async () => {
  for (const path of ['../x', '/etc/x', 'a/../../x', '.', '', 'a//b'])
    await expect(make('cfgdata', text(path, ''))).rejects.toThrow('bug');
  await expect(make('cfgdata', text('a', ''), text('a', ''))).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readdirSync(folder)).toEqual([]);
});

test('files that are too large together are told', async () => {
  await expect(make('cfgdata', text('a', 'x'.repeat(9 * 2 ** 20)))).rejects.toMatchObject({
    code: 'SeedTooLarge',
  });
});
