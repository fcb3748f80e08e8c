import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { ImageSource } from '../../../agent/machine/image-source.ts';
import type { ImageStatus } from '../../../agent/images-port.ts';
import { createAuthority } from '../../tools/certificates.ts';
import { makeContainerDisk, makeImage, makeIndex, makeTar, pack } from '../../tools/container-image.ts';
import type { Registry } from '../../tools/registry.ts';
import { REGISTRY_LOGIN, startRegistry } from '../../tools/registry.ts';
import { sha256Of } from './image-server.ts';
import { PLAIN_LIMITS } from './plain-limits.ts';
import { fetched, setUp, temporaryFolder } from './setup.ts';

const DISK = randomBytes(300_000);
const OTHER = randomBytes(200_000);

let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(async () => registry.close());

const source = (name: string, more: Partial<ImageSource> = {}) => ({
  url: `docker://${registry.host}/${name}`,
  ...more,
});
const mirrored = (prefix: string, url: string) => ({
  registries: { ...PLAIN_LIMITS.registries, mirrors: [{ prefix, url }] },
});
const messageOf = (status: ImageStatus) => ('message' in status ? status.message : '');

test.each(['none', 'gzip', 'xz', 'zstd'] as const)(
  'a container disk, its layer packed with %s',
  async (packing) => {
    const { images, dataDir } = await setUp();
    await registry.push(`disks/${packing}`, 'v1', makeContainerDisk(DISK, packing));
    const status = await fetched(images, source(`disks/${packing}:v1`));
    expect(status).toMatchObject({ state: 'ready', sha256: sha256Of(DISK), format: 'raw' });
    expect(readFileSync(join(dataDir, 'images/sha256', sha256Of(DISK))).equals(DISK)).toBe(true);
    expect(readdirSync(join(dataDir, 'images/partial'))).toEqual([]);
  },
);

test("Docker's media types, and of a list the image for this box's architecture", async () => {
  const { images } = await setUp();
  const here = makeImage([pack(makeTar([{ path: '/disk/a', content: DISK }]), 'gzip')], 'docker');
  const there = makeContainerDisk(OTHER);
  for (const image of [here, there]) await registry.push('disks/list', 'parts', image);
  await registry.pushManifest('disks/list', 'v1', makeIndex({ arm64: there, amd64: here }));
  expect(await fetched(images, source('disks/list:v1'))).toMatchObject({ sha256: sha256Of(DISK) });
  const arm = source('disks/list:v1', { architecture: 'arm64' });
  expect(await fetched(images, arm)).toMatchObject({ sha256: sha256Of(OTHER) });
  const none = await fetched(images, source('disks/list:v1', { architecture: 'riscv64' }));
  expect(messageOf(none)).toContain('no image for linux/riscv64 in its list: there are arm64, amd64');
});

test('layers hide what lies below them, and a path chooses among files', async () => {
  const { images } = await setUp();
  const lower = [
    { path: 'disk/old.img', content: OTHER },
    { path: 'disk/kept.img', content: DISK },
    { path: 'custom/disk.img', content: OTHER },
  ];
  const upper = [{ path: 'disk/.wh.old.img' }];
  await registry.push(
    'disks/layers',
    'v1',
    makeImage([pack(makeTar(lower), 'gzip'), pack(makeTar(upper), 'gzip')]),
  );
  expect(await fetched(images, source('disks/layers:v1'))).toMatchObject({ sha256: sha256Of(DISK) });
  const chosen = source('disks/layers:v1', { path: '/custom/disk.img' });
  expect(await fetched(images, chosen)).toMatchObject({ sha256: sha256Of(OTHER) });
  await registry.push('disks/layers', 'v2', makeImage([pack(makeTar(lower), 'gzip')]));
  const two = await fetched(images, source('disks/layers:v2'));
  expect(two).toMatchObject({ state: 'failed', code: 'UnsupportedImageFormat' });
  expect(messageOf(two)).toContain('more than one file under /disk (/disk/old.img, /disk/kept.img)');
  const gone = await fetched(images, source('disks/layers:v1', { path: '/disk/old.img' }));
  expect(messageOf(gone)).toContain('has no file /disk/old.img');
});

test('the files of a kernel, as they are', async () => {
  const { images } = await setUp();
  const [kernel, initrd] = [Buffer.concat([Buffer.from('MZ'), OTHER]), pack(DISK, 'gzip')];
  const files = [
    { path: './boot/vmlinuz', content: kernel },
    { path: './boot/initrd', content: initrd },
  ];
  await registry.push('kernels/one', 'v1', makeImage([pack(makeTar(files), 'zstd')]));
  const status = await fetched(images, source('kernels/one:v1', { files: ['/boot/vmlinuz', 'boot/initrd'] }));
  expect(status).toMatchObject({ state: 'ready' });
  const contents = ('files' in status ? (status.files ?? []) : []).map((path) => readFileSync(path));
  expect(contents.map(sha256Of)).toEqual([sha256Of(kernel), sha256Of(initrd)]);
});

test('an image that moved under its tag is taken when it is asked for; offline the kept one serves', async () => {
  const { images, open } = await setUp();
  await registry.push('disks/moving', 'latest', makeContainerDisk(DISK));
  const moving = source('disks/moving:latest');
  expect(await fetched(images, moving)).toMatchObject({ sha256: sha256Of(DISK) });
  await registry.push('disks/moving', 'latest', makeContainerDisk(OTHER));
  expect(await fetched(open(), moving)).toMatchObject({ sha256: sha256Of(OTHER) });
  await registry.stop();
  onTestFinished(async () => registry.start());
  expect(await fetched(open(), moving)).toMatchObject({ state: 'ready', sha256: sha256Of(OTHER) });
});

test('a mirror is asked in place of the registry that an image names', async () => {
  await registry.push('kv/disks/cirros', 'devel', makeContainerDisk(DISK));
  const { images } = await setUp(mirrored('registry:5000/kubevirt', `http://${registry.host}/kv`));
  const named = { url: 'docker://registry:5000/kubevirt/disks/cirros:devel' };
  expect(await fetched(images, named)).toMatchObject({ state: 'ready', sha256: sha256Of(DISK) });
});

test('a closed registry behind TLS: its authority and a login, and the login is asked for by name', async () => {
  const authority = createAuthority(await temporaryFolder());
  const closed = await startRegistry({ closed: true, tls: authority.issue('registry', 'IP:127.0.0.1') });
  onTestFinished(async () => closed.close());
  await closed.push('private/disk', 'v1', makeContainerDisk(DISK));
  const { user, password } = REGISTRY_LOGIN;
  const auth = Buffer.from(`${user}:${password}`).toString('base64');
  const logins = (host: string) => JSON.stringify({ auths: { [host]: { auth } } });
  const mirrors = [{ prefix: 'registry.example', url: `https://${closed.host}` }];
  const named = { url: 'docker://registry.example/private/disk:v1' };

  const strange = await setUp({ registries: { ...PLAIN_LIMITS.registries, mirrors } });
  expect(await fetched(strange.images, named)).toMatchObject({ state: 'failed', code: 'Unreachable' });

  const trusting = { ...PLAIN_LIMITS.registries, mirrors, certificates: [authority.cert] };
  const { images } = await setUp({ registries: trusting });
  const status = await fetched(images, named);
  expect(status).toMatchObject({ state: 'failed', code: 'Unauthorized' });
  expect(messageOf(status)).toContain('no login was given');
  const elsewhere = { ...named, access: { dockerConfig: logins('registry.example') } };
  expect(messageOf(await fetched(images, elsewhere))).toContain('no login was given');
  const wrong = { ...named, access: { login: { user, password: 'no' } } };
  expect(messageOf(await fetched(images, wrong))).toContain('the login of keeper does not serve');
  const right = { ...named, access: { dockerConfig: logins(closed.host) } };
  expect(await fetched(images, right)).toMatchObject({ state: 'ready', sha256: sha256Of(DISK) });

  const own = { ...trusting, readLogins: () => logins(closed.host) };
  expect(await fetched((await setUp({ registries: own })).images, named)).toMatchObject({ state: 'ready' });
});

test('what is not there says so; a raw disk of zeros takes no room', async () => {
  const { images } = await setUp();
  expect(await fetched(images, source('nowhere/disk:v1'))).toMatchObject({
    state: 'failed',
    code: 'ImageNotFound',
  });
  await registry.push('disks/zeros', 'v1', makeContainerDisk(Buffer.alloc(20_000_000)));
  const status = await fetched(images, source('disks/zeros:v1'));
  expect(status).toMatchObject({ state: 'ready', virtualBytes: 20_000_256 });
  expect('path' in status ? statSync(status.path).blocks : 1).toBe(0);
});
