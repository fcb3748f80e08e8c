import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createPlain } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createAuthority } from '../../tools/certificates.ts';
import { makeContainerDisk, pack } from '../../tools/container-image.ts';
import { sha256Of } from './image-server.ts';
import { serveImage } from './serve-image.ts';
import { fetched, setUp, temporaryFolder } from './setup.ts';

const DISK = randomBytes(300_000);

/** A server that remembers what it was sent, and answers as it is told. */
async function startServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  certificate?: { key: string; cert: string },
) {
  const seen: { path: string; authorization: string | undefined; token: string | undefined }[] = [];
  const listen = (request: IncomingMessage, response: ServerResponse) => {
    const { authorization, 'x-token': token } = request.headers;
    seen.push({ path: request.url ?? '', authorization, token: token?.toString() });
    answer(request, response);
  };
  const server = certificate === undefined ? createPlain(listen) : createSecure(certificate, listen);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { seen, host, url: `${certificate === undefined ? 'http' : 'https'}://${host}` };
}

test('a token is fetched with the login and shown to the registry alone, not to where it keeps its blobs', async () => {
  const image = makeContainerDisk(DISK);
  const { server: store, images } = await setUp();
  serveImage(store, 'disks/one', image);
  const issuer = await startServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://issuer');
    const isRight =
      searchParams.get('scope') === 'repository:disks/one:pull' && searchParams.get('service') === 'keep';
    response.writeHead(isRight ? 200 : 400).end(JSON.stringify({ token: 'shown-once' }));
  });
  const registry = await startServer((request, response) => {
    if (request.headers.authorization !== 'Bearer shown-once') {
      const challenge = `Bearer realm="${issuer.url}/token",service="keep",scope="repository:disks/one:pull"`;
      return void response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    if (request.url?.includes('/blobs/') === true) {
      return void response.writeHead(307, { location: store.url(request.url) }).end();
    }
    response.end(image.manifest.content);
  });
  const url = `docker://${registry.host}/disks/one:latest`;
  const login = { user: 'me', password: 'hidden' };
  expect(await fetched(images, { url, access: { login } })).toMatchObject({
    state: 'ready',
    sha256: sha256Of(DISK),
  });
  expect(issuer.seen.map(({ authorization }) => authorization)).toEqual([
    `Basic ${Buffer.from('me:hidden').toString('base64')}`,
  ]);
  expect(registry.seen.every(({ authorization }) => authorization?.startsWith('Basic') !== true)).toBe(true);
  expect(store.requests.map(({ authorization }) => authorization)).toEqual([undefined]);

  // Without a login the same, for what all may read.
  expect(await fetched(images, { url })).toMatchObject({ state: 'ready' });
});

test('a web server gets the headers, the login and the trust that were given, and a redirect elsewhere none', async () => {
  const authority = createAuthority(await temporaryFolder());
  const certificate = authority.issue('images', 'IP:127.0.0.1');
  const { images } = await setUp();
  const packed = pack(DISK, 'gzip');
  const other = await startServer((_, response) => response.end(packed), certificate);
  const server = await startServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: `${other.url}/a.gz` }).end();
    else response.end(packed);
  }, certificate);
  const access = {
    certificates: [authority.cert],
    headers: ['X-Token: one'],
    login: { user: 'me', password: 'hidden' },
  };
  expect(await fetched(images, { url: `${server.url}/a.gz` })).toMatchObject({ code: 'Unreachable' });
  const ready = { state: 'ready', sha256: sha256Of(DISK), format: 'raw' };
  expect(await fetched(images, { url: `${server.url}/a.gz`, access })).toMatchObject(ready);
  expect(await fetched(images, { url: `${server.url}/moved`, access })).toMatchObject(ready);
  const authorization = `Basic ${Buffer.from('me:hidden').toString('base64')}`;
  expect(server.seen).toMatchObject([
    { path: '/a.gz', authorization, token: 'one' },
    { path: '/moved', authorization, token: 'one' },
  ]);
  expect(other.seen).toEqual([{ path: '/a.gz', authorization: undefined, token: undefined }]);
});

test.each(['gzip', 'xz', 'zstd'] as const)(
  'a packed file is known by its checksum, and kept unpacked (%s)',
  async (packing) => {
    const { server, images, open } = await setUp();
    const packed = pack(DISK, packing);
    server.files.set('/a', { content: packed });
    const source = { url: server.url('/a'), sha256: sha256Of(packed) };
    expect(await fetched(images, source)).toMatchObject({ state: 'ready', sha256: sha256Of(DISK) });
    const reopened = open();
    expect(reopened.observe({ url: 'http://nowhere.invalid/', sha256: source.sha256 })).toMatchObject({
      state: 'ready',
    });
    expect(server.requests).toHaveLength(1);
  },
);

test('a layer is gone on with by the next agent where the last one was cut off', async () => {
  const { server, images, open } = await setUp();
  const image = makeContainerDisk(DISK, 'none');
  const source = serveImage(server, 'disks/one', image, { stallAfter: 200_000, etag: '"1"' });
  expect(await fetched(images, source)).toMatchObject({ state: 'failed', code: 'Stalled' });
  await images.close();
  serveImage(server, 'disks/one', image, { etag: '"1"' });
  expect(await fetched(open(), source)).toMatchObject({ state: 'ready', sha256: sha256Of(DISK) });
  const ranges = server.requests.filter(({ path }) => path.includes('/blobs/')).map(({ range }) => range);
  expect(ranges).toEqual([undefined, 'bytes=200000-']);
});
