import { createServer } from 'node:net';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { sha256Of } from './image-server.ts';
import { fetched, setUp, temporaryFolder, until } from './setup.ts';

const CONTENT = randomBytes(200_000);

test('a wrong checksum: both hashes are named, the download is deleted and not made again for an hour', async () => {
  const { server, dataDir, images } = await setUp();
  server.files.set('/a', { content: CONTENT, etag: '"1"' });
  const source = { url: server.url('/a'), sha256: 'ab'.repeat(32) };
  for (const attempts of [1, 2]) {
    images.fetch(source);
    const status = await until(images, source, ({ state }) => state === 'failed');
    expect(status).toMatchObject({ code: 'ChecksumMismatch', attempts });
    const { message } = status as { message: string };
    expect(message).toContain(source.sha256);
    expect(message).toContain(sha256Of(CONTENT));
    expect(readdirSync(join(dataDir, 'images/sha256'))).toEqual([]);
  }
  expect(server.requests.map(({ status }) => status)).toEqual([200, 304]);
  const right = Buffer.from(CONTENT).fill(1, 0, 9);
  server.files.set('/a', { content: right, etag: '"2"' });
  expect(await fetched(images, { ...source, sha256: sha256Of(right) })).toMatchObject({ state: 'ready' });
});

test('an HTTP error says its status, and a secret in the address appears nowhere', async () => {
  const { server, images, log } = await setUp();
  const url = server.url('/missing?signature=hidden').replace('http://', 'http://name:hidden@');
  const status = await fetched(images, { url });
  expect(status).toMatchObject({ state: 'failed', code: 'HttpStatus' });
  expect(JSON.stringify(status)).toContain('404');
  expect(log.lines.length).toBeGreaterThan(0);
  expect(JSON.stringify([status, log.lines])).not.toContain('hidden');
});

test('no such host, no such port', async () => {
  const { images } = await setUp();
  for (const url of ['http://nowhere.invalid/a', 'http://127.0.0.1:1/a']) {
    const status = await fetched(images, { url });
    expect(status).toMatchObject({ state: 'failed', code: 'Unreachable' });
    expect((status as { message: string }).message).toMatch(/ENOTFOUND|EAI_AGAIN|ECONNREFUSED/);
  }
});

test('a server that takes the connection and never answers', async () => {
  const { images } = await setUp();
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const started = Date.now();
  expect(await fetched(images, { url: `http://127.0.0.1:${port}/a` })).toMatchObject({
    state: 'failed',
    code: 'Stalled',
  });
  // 30 s, 30 times as fast: not the 15 s of a connection that does not come about.
  expect(Date.now() - started).toBeGreaterThan(900);
});

test('redirects are followed, but not for ever, and not away from the web', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: CONTENT });
  server.files.set('/moved', { content: CONTENT, redirectTo: '/a' });
  server.files.set('/loop', { content: CONTENT, redirectTo: '/loop' });
  server.files.set('/away', { content: CONTENT, redirectTo: 'file:///etc/passwd' });
  expect(await fetched(images, { url: server.url('/moved') })).toMatchObject({ state: 'ready' });
  for (const path of ['/loop', '/away']) {
    const status = await fetched(images, { url: server.url(path) });
    expect(status).toMatchObject({ state: 'failed', code: 'BadRedirect' });
  }
});

test('an empty file is no image', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: Buffer.alloc(0) });
  expect(await fetched(images, { url: server.url('/a') })).toMatchObject({ code: 'BrokenImage' });
});

test('what is no disk image is refused after its first bytes, with a way out', async () => {
  const { server, images } = await setUp();
  const content = Buffer.concat([Buffer.from('BZh9'), CONTENT]);
  server.files.set('/a.bz2', { content, stallAfter: 100_000 });
  const status = await fetched(images, { url: server.url('/a.bz2') });
  expect(status).toMatchObject({ state: 'failed', code: 'UnsupportedImageFormat' });
  expect((status as { message: string }).message).toMatch(/a\.bz2 is a bzip2 file: unpack it/);
});

test('leftovers that can not be resumed are removed at start, downloads under way are not', async () => {
  const dataDir = await temporaryFolder();
  const { server, images, open } = await setUp({ dataDir });
  server.files.set('/a', { content: CONTENT, etag: '"1"', stallAfter: 100_000 });
  await fetched(images, { url: server.url('/a') });
  const partial = join(dataDir, 'images/partial');
  mkdirSync(join(partial, 'without-a-record'));
  writeFileSync(join(partial, 'without-a-record/data'), 'x');
  writeFileSync(join(dataDir, 'images/sources.json'), 'not JSON');
  expect(readdirSync(partial)).toHaveLength(2);
  open();
  expect(readdirSync(partial)).toHaveLength(1);
});
