import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TarFile } from '../../tools/container-image.ts';
import { blobOf, makeContainerDisk, makeImage, makeTar, pack } from '../../tools/container-image.ts';
import { serveImage } from './serve-image.ts';
import { fetched, setUp, temporaryFolder } from './setup.ts';

const DISK = randomBytes(100_000);
const MIB = 1024 * 1024;

/** What came of fetching it; nothing may be kept, neither as an image nor as the half of one. */
async function refusedOf(world: Awaited<ReturnType<typeof setUp>>, source: { url: string }) {
  const status = await fetched(world.images, source);
  expect(status.state).toBe('failed');
  expect(readdirSync(join(world.dataDir, 'images/sha256'))).toEqual([]);
  expect(readdirSync(join(world.dataDir, 'images/partial'))).toEqual([]);
  return 'code' in status ? `${status.code}: ${status.message}` : '';
}

/** An image of one layer with these files. */
const imageOf = (...files: TarFile[]) => makeImage([pack(makeTar(files), 'gzip')]);

function makeQcow2(folder: string, ...args: string[]): Buffer {
  const path = join(folder, 'made.qcow2');
  execFileSync('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    ...args.map((arg) => (arg === 'PATH' ? path : arg)),
  ]);
  return readFileSync(path);
}

describe('a container disk', () => {
  const disk = { path: 'disk/a.img', content: DISK };
  test.each<[string, RegExp, TarFile[]]>([
    [
      'a path that climbs',
      /UnsafeImage.*climbs: "disk\/\.\.\/\.\.\/etc\/passwd"/,
      [{ path: 'disk/../../etc/passwd', content: DISK }],
    ],
    [
      'a link out of it',
      /UnsafeImage.*has a link at \/disk\/a\.img/,
      [{ path: 'disk/a.img', type: '2', linksTo: '/etc/shadow' }],
    ],
    [
      'a hard link',
      /UnsafeImage.*has a hard link at \/disk\/a\.img/,
      [{ path: 'disk/a.img', type: '1', linksTo: 'etc/shadow' }],
    ],
    ['a device', /UnsafeImage.*has a device at \/disk\/sda/, [{ path: 'disk/sda', type: '4' }]],
    [
      'a link in place of /disk',
      /UnsafeImage.*has a link at \/disk on the way/,
      [{ path: 'disk', type: '2', linksTo: '/etc' }, disk],
    ],
    [
      'a file shorter than it says',
      /BrokenImage.*cut short/,
      [{ path: 'disk/a.img', content: DISK, saysBytes: MIB }],
    ],
    [
      'a file larger than is taken',
      /ImageTooLarge.*4 GiB/,
      [{ path: 'disk/a.img', content: DISK, saysBytes: 4 * 2 ** 30 }],
    ],
    ['no disk', /UnsupportedImageFormat.*no file under \/disk/, [{ path: 'etc/passwd', content: DISK }]],
    [
      'a packed disk',
      /UnsupportedImageFormat.*is a gzip file: unpack it/,
      [{ path: 'disk/a.gz', content: pack(DISK, 'gzip') }],
    ],
  ])('with %s', async (_, why, files) => {
    const world = await setUp({ largestBytes: 64 * MIB });
    expect(await refusedOf(world, serveImage(world.server, 'disks/one', imageOf(...files)))).toMatch(why);
  });

  test('whose disk refers to a file of the box, or is absurdly large', async () => {
    const folder = await temporaryFolder();
    const world = await setUp({ largestBytes: 2 ** 40 });
    const backed = makeQcow2(folder, '-u', '-b', '/etc/shadow', '-F', 'raw', 'PATH', '1M');
    const outside = makeQcow2(folder, '-o', `data_file=${join(folder, 'outside')}`, 'PATH', '1M');
    const large = makeQcow2(folder, '-o', 'cluster_size=2M', 'PATH', '8191T');
    const codes: string[] = [];
    for (const [index, content] of [backed, outside, large].entries()) {
      codes.push(
        await refusedOf(world, serveImage(world.server, `disks/${index}`, imageOf({ ...disk, content }))),
      );
    }
    expect(codes.map((code) => code.split(':')[0])).toEqual(['UnsafeImage', 'UnsafeImage', 'ImageTooLarge']);
  });

  test.each(['gzip', 'xz', 'zstd'] as const)(
    'that unpacks from little to very much (%s)',
    async (packing) => {
      const world = await setUp({ largestBytes: 8 * MIB });
      const bomb = makeImage([
        pack(makeTar([{ path: 'etc/much', content: Buffer.alloc(64 * MIB) }]), packing),
      ]);
      expect(await refusedOf(world, serveImage(world.server, 'disks/bomb', bomb))).toMatch(/^ImageTooLarge/);
      world.server.files.set('/bomb', { content: pack(Buffer.alloc(64 * MIB), packing) });
      expect(await refusedOf(world, { url: world.server.url('/bomb') })).toMatch(/^ImageTooLarge/);
    },
  );
});

describe('a registry', () => {
  const manifestOf = (value: object) => ({
    manifest: { ...blobOf(Buffer.from(JSON.stringify(value))), mediaType: '' },
    blobs: [],
  });
  const layer = {
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: `sha256:${'0'.repeat(64)}`,
    size: 100,
  };
  test.each<[string, RegExp, object]>([
    ['of schema 1', /UnsupportedImageFormat.*schema 1/, { schemaVersion: 1, fsLayers: [] }],
    [
      'that is two things at once',
      /BrokenImage.*a list and an image at once/,
      { schemaVersion: 2, layers: [], manifests: [] },
    ],
    [
      'of very many layers',
      /BrokenImage.*layers/,
      { schemaVersion: 2, layers: Array.from({ length: 200 }, () => layer) },
    ],
    ['of huge layers', /ImageTooLarge/, { schemaVersion: 2, layers: [{ ...layer, size: 2 ** 50 }] }],
    [
      'whose digest is a path',
      /BrokenImage.*must be a SHA-256/,
      { schemaVersion: 2, layers: [{ ...layer, digest: 'sha256:../../x' }] },
    ],
    [
      'of something that is no file system',
      /UnsupportedImageFormat.*application\/json/,
      { schemaVersion: 2, layers: [{ ...layer, mediaType: 'application/json' }] },
    ],
  ])('with a manifest %s', async (_, why, value) => {
    const world = await setUp({ largestBytes: 2 ** 40 });
    expect(await refusedOf(world, serveImage(world.server, 'disks/one', manifestOf(value)))).toMatch(why);
  });

  test('that sends another layer than the manifest names, a longer one, or one without end', async () => {
    const world = await setUp();
    const { server, images, dataDir } = world;
    const honest = makeContainerDisk(DISK);
    const layerBytes = honest.blobs[1]?.content.length ?? 0;
    const other = { content: randomBytes(layerBytes) };
    const longer = { content: randomBytes(layerBytes + 10) };
    const endless = { content: randomBytes(4 * MIB), noLength: true };
    for (const [index, how] of [other, longer, endless].entries()) {
      const source = serveImage(server, `disks/${index}`, honest, how);
      const status = await fetched(images, source);
      expect(status).toMatchObject({
        state: 'failed',
        code: index === 0 ? 'ChecksumMismatch' : 'ImageTooLarge',
      });
      expect(readdirSync(join(dataDir, 'images/sha256'))).toEqual([]);
      // As soon as it is honest, it is taken.
      expect(await fetched(images, serveImage(server, `disks/${index}`, honest))).toMatchObject({
        state: 'ready',
      });
      execFileSync('rm', ['-r', join(dataDir, 'images/sha256')]);
      execFileSync('mkdir', [join(dataDir, 'images/sha256')]);
    }
  });

  test('that answers with a manifest without end', async () => {
    const world = await setUp();
    const source = serveImage(world.server, 'disks/one', makeContainerDisk(DISK));
    world.server.files.set('/v2/disks/one/manifests/latest', {
      content: Buffer.alloc(6 * MIB, ' '),
      noLength: true,
    });
    expect(await refusedOf(world, source)).toMatch(/^BadAnswer.*larger than/);
  });
});

test('a packed file that is cut short says so', async () => {
  const world = await setUp();
  for (const packing of ['gzip', 'xz', 'zstd'] as const) {
    const whole = pack(DISK, packing);
    world.server.files.set(`/${packing}`, { content: whole.subarray(0, 60_000) });
    const why = await refusedOf(world, { url: world.server.url(`/${packing}`) });
    expect(why).toMatch(
      new RegExp(`^BrokenImage: .*/${packing} is broken where it is packed with ${packing}`),
    );
  }
});
