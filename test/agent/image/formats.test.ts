import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { HEADER_BYTES, inspectHeader } from '../../../agent/image/format.ts';
import { fetched, setUp, temporaryFolder } from './setup.ts';

const hasQemuImg =
  process.env['PATH']?.split(':').some((path) => existsSync(join(path, 'qemu-img'))) === true;

/** Calls qemu-img in a new folder that has `base.raw`, 3 MB that can't be compressed. */
async function withQemuImg(...commands: string[][]): Promise<(name: string) => Buffer> {
  const folder = await temporaryFolder();
  writeFileSync(join(folder, 'base.raw'), randomBytes(3_000_000));
  for (const args of commands) execFileSync('qemu-img', args, { cwd: folder, stdio: 'pipe' });
  return (name) => readFileSync(join(folder, name));
}

describe.skipIf(!hasQemuImg)('images as qemu-img makes them', () => {
  const toQcow2 = ['convert', '-O', 'qcow2', 'base.raw', 'image.qcow2'];

  test.each([
    ['version 3', []],
    ['version 2', ['-o', 'compat=0.10']],
    ['compressed', ['-c']],
  ])('qcow2 is taken, with the size that the guest sees (%s)', async (_, options) => {
    const read = await withQemuImg([...toQcow2, ...options], ['resize', 'image.qcow2', '1G']);
    const { server, images } = await setUp();
    server.files.set('/a', { content: read('image.qcow2') });
    const status = await fetched(images, { url: server.url('/a') });
    expect(status).toMatchObject({ state: 'ready', format: 'qcow2', virtualBytes: 1024 ** 3 });
  });

  test.each([700, 200_000, 1_500_000])('a qcow2 cut short at %i bytes is broken', async (bytes) => {
    const read = await withQemuImg(toQcow2);
    const { server, images } = await setUp();
    // The server takes what it has for the whole, so that only the image itself can tell.
    server.files.set('/a', { content: read('image.qcow2').subarray(0, bytes) });
    expect(await fetched(images, { url: server.url('/a') })).toMatchObject({
      state: 'failed',
      code: 'BrokenImage',
    });
  });

  test('a large qcow2 cut short, of which qemu-img has megabytes to say', async () => {
    const read = await withQemuImg([
      'create',
      '-f',
      'qcow2',
      '-o',
      'cluster_size=512,preallocation=metadata',
      'image.qcow2',
      '16M',
    ]);
    const { server, images } = await setUp();
    server.files.set('/a', { content: read('image.qcow2').subarray(0, 800_000) });
    expect(await fetched(images, { url: server.url('/a') })).toMatchObject({ code: 'BrokenImage' });
  });

  test.each([
    ['a backing file', ['create', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'image.qcow2']],
    ['an external data file', ['create', '-f', 'qcow2', '-o', 'data_file=else.raw', 'image.qcow2', '1M']],
    // AES, not LUKS: qemu-img measures the CPU to make a LUKS key, and gives up on a busy machine.
    [
      'encrypted',
      [
        'create',
        '--object=secret,id=s,data=secret',
        '-fqcow2',
        '-oencrypt.format=aes,encrypt.key-secret=s',
        'image.qcow2',
        '1M',
      ],
    ],
  ])('a qcow2 that would make QEMU look elsewhere is unsafe: %s', async (what, command) => {
    const read = await withQemuImg(command);
    const { server, images } = await setUp();
    server.files.set('/a', { content: read('image.qcow2') });
    const status = await fetched(images, { url: server.url('/a') });
    expect(status).toMatchObject({ state: 'failed', code: 'UnsafeImage' });
    expect((status as { message: string }).message).toContain(what);
  });

  test.each([
    ['vmdk', 'VMDK'],
    ['vhdx', 'VHDX'],
    ['vdi', 'VDI'],
    ['vpc', 'VHD'],
    ['qcow', 'qcow image of version 1'],
    ['parallels', 'Parallels'],
    ['qed', 'QED'],
  ])('%s is refused by name', async (format, name) => {
    const read = await withQemuImg(['create', '-f', format, 'image', '64M']);
    const inspection = inspectHeader(read('image').subarray(0, HEADER_BYTES));
    expect(inspection).toMatchObject({ refused: { code: 'UnsupportedImageFormat' } });
    expect((inspection as { refused: { message: string } }).refused.message).toContain(name);
  });
});

describe('the first bytes', () => {
  test('packed files and web pages are refused by name', () => {
    const nameOf = (header: Buffer) =>
      /is an? ([\w ]+)/.exec(
        (inspectHeader(header) as { refused: { message: string } }).refused.message,
      )?.[1];
    expect(nameOf(gzipSync('x'))).toBe('gzip file');
    expect(nameOf(zstdCompressSync('x'))).toBe('zstd file');
    expect(nameOf(Buffer.from('fd377a585a000004', 'hex'))).toBe('xz file');
    expect(nameOf(Buffer.from('BZh91AY'))).toBe('bzip2 file');
    expect(nameOf(Buffer.from('PK\x03\x04\x14'))).toBe('zip archive');
    expect(nameOf(Buffer.from('image.ovf'.padEnd(257, '\0') + 'ustar'))).toBe('tar or OVA archive');
    expect(nameOf(Buffer.from('\n<!DOCTYPE html><html>'))).toBe('web page');
  });

  test('anything else is raw', () => {
    expect(inspectHeader(Buffer.from([0]))).toEqual({ format: 'raw' });
    expect(inspectHeader(Buffer.alloc(HEADER_BYTES, 0xaa))).toEqual({ format: 'raw' });
  });

  test('a qcow2 header that ends early or makes no sense is broken', () => {
    const magic = Buffer.from('514649fb00000003', 'hex');
    for (const header of [magic, Buffer.concat([magic, Buffer.alloc(100)])]) {
      expect(inspectHeader(header)).toMatchObject({ refused: { code: 'BrokenImage' } });
    }
  });
});
