import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDisks } from '../../../agent/qemu/disks.ts';
import { blankMachine } from '../../contract/machines-world.ts';

let folder: string;
let disk: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-disks-'));
  disk = join(folder, 'disk-pos-blank.qcow2');
});
afterEach(() => rmSync(folder, { recursive: true }));

const context = () => ({
  folder,
  images: new Map(),
  account: undefined,
  outside: { claims: new Map(), hostDiskFolders: [] },
  before: undefined,
});
const make = async () => makeDisks(blankMachine(), context());

test('a disk is made once, under no other name', async () => {
  await make();
  const { ino, nlink } = statSync(disk);
  expect(nlink).toBe(1);
  await make();
  expect(statSync(disk).ino).toBe(ino);
});

test('a disk that is there without being seen is not overwritten', async () => {
  // To access(2) it is absent, as one would be that came between the look and the making.
  symlinkSync(join(folder, 'unmounted/disk'), disk);
  await expect(make()).rejects.toMatchObject({ code: 'DiskInTheWay', subject: disk });
  expect(readlinkSync(disk)).toBe(join(folder, 'unmounted/disk'));
});

test('a disk that can not be looked at does not pass for one that is absent', async () => {
  symlinkSync(disk, disk);
  await expect(make()).rejects.toMatchObject({
    code: 'DiskUnreadable',
    message: expect.stringContaining('ELOOP'),
  });
  expect(readlinkSync(disk)).toBe(disk);
});

test('a disk with anything in it is left as it is', async () => {
  writeFileSync(disk, 'what the guest wrote');
  await make();
  expect(readFileSync(disk, 'utf8')).toBe('what the guest wrote');
  expect(existsSync(`${disk}.new`)).toBe(false);
});
