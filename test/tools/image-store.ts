import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** An HTTP server of images for tests, with ranges, that can be told to be slow, or to cut what it sends. */
export interface ImageStore {
  readonly url: (name: string) => string;
  /** Adds or replaces an image; returns its SHA-256. */
  add(name: string, content: Buffer): string;
  /** The `Range` of each request so far, or '' for the whole. */
  readonly ranges: string[];
  /** Bytes a second from now on; 0 is as fast as can be. */
  setSpeed(bytesPerSecond: number): void;
  close(): Promise<void>;
}

const CHUNK_BYTES = 64 * 1024;

export async function createImageStore(): Promise<ImageStore> {
  const images = new Map<string, Buffer>();
  const ranges: string[] = [];
  let speed = 0;

  async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < content.length; at += CHUNK_BYTES) {
      const chunk = content.subarray(at, at + CHUNK_BYTES);
      yield chunk;
      // The server keeps the process there; a chunk that waits for hours after its end does not.
      if (speed > 0) await sleep((1000 * chunk.length) / speed, undefined, { ref: false });
    }
  }

  const server = createServer((request, response) => {
    const content = images.get(request.url?.slice(1) ?? '');
    if (content === undefined) return void response.writeHead(404).end();
    const range = request.headers.range ?? '';
    ranges.push(range);
    const start = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
    if (start >= content.length && start > 0) return void response.writeHead(416).end();
    response.writeHead(range === '' ? 200 : 206, {
      'content-length': content.length - start,
      etag: `"${hashOf(content).slice(0, 16)}"`,
      ...(range === '' ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    // A client that goes away in the middle is what some tests are about.
    pipeline(Readable.from(chunksOf(content.subarray(start))), response).catch(() => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: (name) => `http://127.0.0.1:${port}/${name}`,
    add(name, content) {
      images.set(name, content);
      return hashOf(content);
    },
    ranges,
    setSpeed: (bytesPerSecond) => (speed = bytesPerSecond),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function readGuestImage(): Buffer {
  return readFileSync(new URL('../../.holdfast/guest/disk.qcow2', import.meta.url));
}

function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
