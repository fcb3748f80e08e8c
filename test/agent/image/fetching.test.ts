import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256Of } from './image-server.ts';
import { fetched, setUp, until } from './setup.ts';

const CONTENT = randomBytes(1_000_000);
const SHA256 = sha256Of(CONTENT);

const ranges = (requests: readonly { range: string | undefined; status: number }[]) =>
  requests.map(({ range, status }) => [range, status]);

test('an image comes with its hash, read-only, where QEMU may read it, and nothing is left beside it', async () => {
  const { server, dataDir, images } = await setUp();
  server.files.set('/a', { content: CONTENT });
  const source = { url: server.url('/a'), sha256: SHA256 };
  expect(images.observe(source)).toEqual({ state: 'absent' });
  images.fetch(source);
  expect(images.observe(source)).toEqual({ state: 'fetching', bytes: 0 });
  const path = join(dataDir, 'images/sha256', SHA256);
  const status = await until(images, source, ({ state }) => state !== 'fetching');
  expect(status).toEqual({ state: 'ready', path, sha256: SHA256, format: 'raw', virtualBytes: 1_000_448 });
  expect(readFileSync(path).equals(CONTENT)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o444);
  expect(statSync(join(dataDir, 'images/sha256')).mode & 0o777).toBe(0o755);
  expect(readdirSync(join(dataDir, 'images/partial'))).toEqual([]);
});

test('with a checksum, what is here is ready from any address and without any request', async () => {
  const { server, images, open } = await setUp();
  server.files.set('/a', { content: CONTENT });
  await fetched(images, { url: server.url('/a'), sha256: SHA256 });
  const elsewhere = { url: 'http://nowhere.invalid/b', sha256: SHA256 };
  const reopened = open();
  expect(reopened.observe(elsewhere)).toMatchObject({ state: 'ready', sha256: SHA256 });
  reopened.fetch(elsewhere);
  expect(reopened.observe(elsewhere)).toMatchObject({ state: 'ready' });
  expect(server.requests).toHaveLength(1);
});

test('a body that breaks off is gone on with where it stopped', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: CONTENT, etag: '"1"', cutAfter: 300_000, cuts: 2 });
  const status = await fetched(images, { url: server.url('/a') });
  expect(status).toMatchObject({ state: 'ready', sha256: SHA256 });
  expect(server.requests.map(({ ifRange }) => ifRange)).toEqual([undefined, '"1"', '"1"']);
  expect(ranges(server.requests).map(([, code]) => code)).toEqual([200, 206, 206]);
});

test('without a checksum or a validator the parts may not belong together: it starts again', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: CONTENT, cutAfter: 300_000, cuts: 1 });
  expect(await fetched(images, { url: server.url('/a') })).toMatchObject({ state: 'ready', sha256: SHA256 });
  expect(ranges(server.requests)).toEqual([
    [undefined, 200],
    [undefined, 200],
  ]);
});

test.each([
  ['honours If-Range', false, [200, 200]],
  ['ignores If-Range', true, [200, 206, 200]],
])(
  'a file changed meanwhile is taken from its start (the server %s)',
  async (_, ignoresIfRange, statuses) => {
    const { server, images } = await setUp();
    const file = { content: CONTENT, etag: '"1"', stallAfter: 300_000 };
    server.files.set('/a', file);
    const source = { url: server.url('/a') };
    expect(await fetched(images, source)).toMatchObject({ state: 'failed', code: 'Stalled', attempts: 1 });
    const changed = randomBytes(900_000);
    server.files.set('/a', { content: changed, etag: '"2"', ignoresIfRange });
    expect(
      await fetched(images, source).then(() => until(images, source, ({ state }) => state === 'ready')),
    ).toMatchObject({ sha256: sha256Of(changed) });
    expect(server.requests.map(({ status }) => status)).toEqual(statuses);
  },
);

test('a download that was whole but for its end is not asked for again; 416 starts anew where it must', async () => {
  const { server, images } = await setUp();
  // Chunked: that it is whole shows only at the end, which never comes.
  server.files.set('/a', { content: CONTENT, etag: '"1"', noLength: true, stallAfter: CONTENT.length });
  const source = { url: server.url('/a') };
  expect(await fetched(images, source)).toMatchObject({ state: 'failed', code: 'Stalled' });
  server.files.set('/a', { content: CONTENT, etag: '"1"' });
  images.fetch(source);
  expect(await until(images, source, ({ state }) => state === 'ready')).toMatchObject({ sha256: SHA256 });
  expect(ranges(server.requests).at(-1)).toEqual([`bytes=${CONTENT.length}-`, 416]);

  const other = { url: server.url('/b'), sha256: sha256Of(CONTENT.subarray(0, 500_000)) };
  server.files.set('/b', { content: CONTENT, stallAfter: 600_000 });
  await fetched(images, other);
  server.files.set('/b', { content: CONTENT.subarray(0, 500_000) });
  images.fetch(other);
  expect(await until(images, other, ({ state }) => state === 'ready')).toMatchObject({
    sha256: other.sha256,
  });
  expect(server.requests.slice(-2).map(({ status }) => status)).toEqual([416, 200]);
});

test('a server that can not resume and always breaks off is a failure, and attempts count', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: CONTENT, noRanges: true, cutAfter: 300_000 });
  const source = { url: server.url('/a'), sha256: SHA256 };
  expect(await fetched(images, source)).toMatchObject({
    state: 'failed',
    code: 'ConnectionLost',
    attempts: 1,
  });
  images.fetch(source);
  expect(await until(images, source, ({ state }) => state === 'failed')).toMatchObject({ attempts: 2 });
});

test('attempts start again when a fetch got further', async () => {
  const { server, images } = await setUp();
  const source = { url: server.url('/a'), sha256: SHA256 };
  const failed = async () => {
    images.fetch(source);
    return until(images, source, ({ state }) => state === 'failed');
  };
  expect(await failed()).toMatchObject({ code: 'HttpStatus', attempts: 1 });
  expect(await failed()).toMatchObject({ code: 'HttpStatus', attempts: 2 });
  server.files.set('/a', { content: CONTENT, stallAfter: 200_000 });
  expect(await failed()).toMatchObject({ code: 'Stalled', attempts: 1 });
});

test('two are fetched at once, the third waits, and one source is fetched once however often it is asked for', async () => {
  const { server, images } = await setUp();
  const sources = ['/a', '/b', '/c'].map((path) => {
    server.files.set(path, { content: CONTENT, trickle: 50_000 });
    return { url: server.url(path) };
  });
  for (const source of [...sources, ...sources]) images.fetch(source);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sources.map((source) => images.observe(source))).toEqual([
    { state: 'fetching', bytes: expect.any(Number) as number, totalBytes: CONTENT.length },
    { state: 'fetching', bytes: expect.any(Number) as number, totalBytes: CONTENT.length },
    { state: 'fetching', bytes: 0 },
  ]);
  for (const source of sources) await until(images, source, ({ state }) => state === 'ready');
  expect(server.requests).toHaveLength(3);
});

test('listeners hear of progress and of the end', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: CONTENT, trickle: 20_000 });
  const heard: string[] = [];
  images.onChange((source) => heard.push(images.observe(source).state));
  await fetched(images, { url: server.url('/a') });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(heard.filter((state) => state === 'fetching').length).toBeGreaterThan(20);
  expect(heard.filter((state) => state === 'fetching').length).toBeLessThanOrEqual(50);
  expect(heard.at(-1)).toBe('ready');
});

test('closing keeps what there is; the next agent goes on from there', async () => {
  const { server, images, open } = await setUp();
  server.files.set('/a', { content: CONTENT, etag: '"1"', trickle: 20_000 });
  const source = { url: server.url('/a') };
  images.fetch(source);
  await until(images, source, (status) => status.state === 'fetching' && status.bytes > 200_000);
  await images.close();
  images.fetch(source);
  expect(await fetched(open(), source)).toMatchObject({ state: 'ready', sha256: SHA256 });
  expect(server.requests).toHaveLength(2);
  expect(server.requests[1]).toMatchObject({ status: 206, ifRange: '"1"' });
});
