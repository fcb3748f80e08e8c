import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompiledDisk } from '../../../agent/machine/disk.ts';
import {
  checkPassage,
  diskPath,
  listDisks,
  listMachines,
  machineFolder,
} from '../../../agent/qemu/folder.ts';
import { findKernelFiles } from '../../../agent/qemu/kernel-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';

test('nothing but a UUID and a volume name becomes a path', () => {
  expect(machineFolder('/m', UID)).toBe(`/m/${UID}`);
  expect(diskPath('/m', blankDisk('root-1'))).toBe('/m/disk-root-1.qcow2');
  for (const name of ['..', 'a/b', '', '-a', 'A', 'a\n']) {
    expect(() => machineFolder('/m', name)).toThrow('bug');
    expect(() => diskPath('/m', blankDisk(name))).toThrow('bug');
  }
});

test('a disk that is made anew never has the file of one that is kept', () => {
  const kept = blankDisk('data');
  const scratch: CompiledDisk = { ...kept, content: { from: 'empty', bytes: 1 } };
  expect(diskPath('/m', scratch)).not.toBe(diskPath('/m', kept));
});

function blankDisk(dataVolume: string): CompiledDisk {
  const content = { from: 'blank', dataVolume, bytes: 1 } as const;
  return { name: dataVolume, content, bus: 'virtio', cdrom: false, readonly: false, cache: 'none' };
}

test.skipIf(process.getuid?.() !== 0)(
  "a folder that QEMU's user does not get to is told, with the way out",
  async () => {
    const nobody = { uid: 65534, gid: 65534, groups: [] };
    await expect(checkPassage(nobody, folder)).rejects.toMatchObject({
      code: 'NotReachable',
      message: expect.stringContaining('it needs "x"'),
    });
    chmodSync(folder, 0o711);
    await checkPassage(nobody, folder);
  },
);

test('what is no machine or disk is not listed', async () => {
  for (const name of [UID, `.removing-${UID}`, 'lost+found']) mkdirSync(join(folder, name));
  for (const name of ['disk-root.qcow2', 'disk-.qcow2', 'seed.iso', 'disk-root.qcow2.new'])
    writeFileSync(join(folder, UID, name), '');
  expect(await listMachines(folder)).toEqual([UID]);
  expect(await listDisks(join(folder, UID))).toEqual(['root']);
  expect(await listDisks(join(folder, 'missing'))).toEqual([]);
});

describe('a kernel', () => {
  const find = async (imageFolder: string, kernelPath: string) =>
    findKernelFiles(
      { folder: imageFolder, kernelPath, initrdPath: kernelPath },
      join(folder, 'images'),
      new Map(),
    );

  test('is found in the folder of local images, and nowhere else', async () => {
    const images = join(folder, 'images');
    mkdirSync(join(images, 'guest'), { recursive: true });
    mkdirSync(join(folder, 'images-not'));
    for (const path of ['images/guest/vmlinuz', 'images-not/vmlinuz', 'secret'])
      writeFileSync(join(folder, path), '');
    symlinkSync(join(folder, 'secret'), join(images, 'link'));
    const kernel = join(images, 'guest/vmlinuz');
    expect(await find(images, '/guest/vmlinuz')).toEqual({ kernel, initrd: kernel });
    expect(await find(join(images, 'guest'), 'vmlinuz')).toEqual({ kernel, initrd: kernel });
    for (const path of ['../secret', 'link', '../images-not/vmlinuz', 'guest', 'missing', '.']) {
      await expect(find(images, path)).rejects.toMatchObject({ code: 'KernelUnusable' });
    }
  });
});
