import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findClaim, findHostDisk, readBlockSizes } from '../../../agent/qemu/outside-disks.ts';

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-outside-')));
  for (const folder of ['claim', 'empty', 'allowed', 'allowed-not']) mkdirSync(join(root, folder));
  for (const file of ['claim/disk.img', 'raw.img', 'allowed/a.img', 'allowed-not/b.img', 'secret'])
    writeFileSync(join(root, file), file);
  symlinkSync(join(root, 'secret'), join(root, 'allowed/link.img'));
  symlinkSync(join(root, 'allowed-not'), join(root, 'allowed/folder'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('a claim', () => {
  const find = async (name: string) =>
    findClaim(
      { from: 'claim', claim: `shop/${name}` },
      {
        claims: new Map(
          ['claim', 'empty', 'raw.img', 'gone'].map((path) => [`shop/${path}`, join(root, path)]),
        ),
        hostDiskFolders: [],
      },
    );

  test('is the image in a folder, or a file itself', async () => {
    expect(await find('claim')).toEqual({ path: join(root, 'claim/disk.img'), isDevice: false });
    expect(await find('raw.img')).toEqual({ path: join(root, 'raw.img'), isDevice: false });
  });

  test('that the box does not have, or that is not there, is told with the way out', async () => {
    await expect(find('other')).rejects.toMatchObject({
      code: 'ClaimNotFound',
      message: expect.stringContaining('the setting "claims" of this box\'s agent has no shop/other=PATH'),
    });
    for (const name of ['empty', 'gone']) {
      const said = { code: 'ClaimUnusable', message: expect.stringContaining(join(root, name)) };
      await expect(find(name)).rejects.toMatchObject(said);
    }
    // What is not there may be a file system that is not mounted: nothing is made in its place.
    expect(existsSync(join(root, 'empty/disk.img'))).toBe(false);
  });
});

describe('a hostDisk', () => {
  const find = async (path: string, bytes?: number, mayMake = () => {}) =>
    findHostDisk(
      { from: 'host', path: join(root, path), ...(bytes === undefined ? {} : { bytes }) },
      { claims: new Map(), hostDiskFolders: [join(root, 'allowed'), join(root, 'none')] },
      undefined,
      mayMake,
    );

  test('is found in the folders that may be used, and nowhere else', async () => {
    expect(await find('allowed/a.img')).toEqual({ path: join(root, 'allowed/a.img'), isDevice: false });
    for (const path of [
      'allowed-not/b.img',
      'secret',
      'allowed/link.img',
      'allowed/folder/b.img',
      'allowed/folder/c.img',
    ])
      await expect(find(path, 1024)).rejects.toMatchObject({
        code: 'HostDiskRefused',
        message: expect.stringContaining('hostDiskFolders'),
      });
    await expect(find('allowed/folder')).rejects.toMatchObject({ code: 'HostDiskRefused' });
    expect(existsSync(join(root, 'allowed-not/c.img'))).toBe(false);
  });

  test('is made once where it is to be, whole, and never in the place of another', async () => {
    await expect(find('allowed/new.img')).rejects.toMatchObject({ code: 'HostDiskMissing' });
    expect(await find('allowed/new.img', 65_536)).toEqual({
      path: join(root, 'allowed/new.img'),
      isDevice: false,
    });
    const { size, mode, ino } = statSync(join(root, 'allowed/new.img'));
    expect([size, mode & 0o777]).toEqual([65_536, 0o600]);
    await find('allowed/new.img', 1024);
    expect(statSync(join(root, 'allowed/new.img')).ino).toBe(ino);
    await find('allowed/a.img', 1024);
    expect(readFileSync(join(root, 'allowed/a.img'), 'utf8')).toBe('allowed/a.img');
  });

  test('is not made where it was there before', async () => {
    const wasThere = () => {
      throw new Error('it was there');
    };
    await expect(find('allowed/new.img', 1024, wasThere)).rejects.toThrow('it was there');
    expect(existsSync(join(root, 'allowed/new.img'))).toBe(false);
  });
});

test('the block size of a file is that of its file system', async () => {
  const path = join(root, 'raw.img');
  const { blksize } = statSync(path);
  expect(await readBlockSizes({ path, isDevice: false })).toEqual({ logical: blksize, physical: blksize });
});
