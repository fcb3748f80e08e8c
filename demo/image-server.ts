import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

export interface ImageServer {
  readonly url: string;
  /** `sha256:` and the hash of the file. */
  readonly checksum: string;
  close(): void;
}

/** Serves one file on loopback, with ranges, the way an image store would. */
export async function serveImage(path: string): Promise<ImageServer> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const checksum = hash.digest('hex');
  const { size } = await stat(path);
  const server = createServer((request, response) => {
    const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const start = Number(match?.[1] ?? 0);
    if (start >= size) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    const headers = { 'content-length': size - start, etag: `"${checksum}"`, 'accept-ranges': 'bytes' };
    if (match === null) response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${size - 1}/${size}` });
    createReadStream(path, { start }).pipe(response);
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/disk.qcow2`,
    checksum: `sha256:${checksum}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
