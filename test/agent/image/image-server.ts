import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server of files that can be told to misbehave, for tests of fetching. */

export interface ServedFile {
  content: Buffer;
  etag?: string;
  lastModified?: string;
  /** Answers ranges as if it had never heard of them. */
  noRanges?: boolean;
  /** Takes any If-Range for a match. */
  ignoresIfRange?: boolean;
  /** Leaves Content-Length out: sent in chunks. */
  noLength?: boolean;
  /** Breaks the connection after so many bytes of an answer's body, as often as `cuts` says (always, if left out). */
  cutAfter?: number;
  cuts?: number;
  /** Goes silent after so many bytes of a body. */
  stallAfter?: number;
  /** Sends so many bytes every 20 ms. */
  trickle?: number;
  status?: number;
  redirectTo?: string;
}

export interface SeenRequest {
  readonly path: string;
  readonly status: number;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly authorization: string | undefined;
}

export async function startImageServer() {
  const files = new Map<string, ServedFile>();
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const file = files.get(path);
    const status = file === undefined ? 404 : statusOf(file, request);
    const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch, authorization } = request.headers;
    requests.push({ path, status, range, ifRange: ifRange?.toString(), ifNoneMatch, authorization });
    if (file === undefined) response.writeHead(404).end('not here');
    else void answer(file, status, range, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    files,
    requests,
    url: (path: string) => `http://127.0.0.1:${port}${path}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
export type ImageServer = Awaited<ReturnType<typeof startImageServer>>;

function statusOf(file: ServedFile, { headers }: IncomingMessage): number {
  if (file.status !== undefined) return file.status;
  if (file.redirectTo !== undefined) return 302;
  if (file.etag !== undefined && headers['if-none-match'] === file.etag) return 304;
  if (file.lastModified !== undefined && headers['if-modified-since'] === file.lastModified) return 304;
  if (headers.range === undefined || file.noRanges === true) return 200;
  const ifRange = headers['if-range'];
  const matches = ifRange === undefined || ifRange === file.etag || ifRange === file.lastModified;
  if (!matches && file.ignoresIfRange !== true) return 200;
  return startOf(headers.range) >= file.content.length ? 416 : 206;
}

async function answer(file: ServedFile, status: number, range: string | undefined, response: ServerResponse) {
  const { content, etag, lastModified } = file;
  if (etag !== undefined) response.setHeader('etag', etag);
  if (lastModified !== undefined) response.setHeader('last-modified', lastModified);
  if (file.redirectTo !== undefined) response.setHeader('location', file.redirectTo);
  if (status === 416) response.setHeader('content-range', `bytes */${content.length}`);
  if (status !== 200 && status !== 206) return response.writeHead(status).end();
  const start = status === 206 && range !== undefined ? startOf(range) : 0;
  const body = content.subarray(start);
  if (status === 206) {
    response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
  }
  if (file.noLength !== true) response.setHeader('content-length', body.length);
  response.writeHead(status);
  const cut = file.cutAfter !== undefined && (file.cuts ?? 1) > 0;
  if (cut && file.cuts !== undefined) file.cuts -= 1;
  const end = Math.min(body.length, (cut ? file.cutAfter : file.stallAfter) ?? body.length);
  const step = file.trickle ?? 65_536;
  for (let at = 0; at < end && !response.destroyed; at += step) {
    const chunk = body.subarray(at, Math.min(at + step, end));
    await new Promise((resolve) => response.write(chunk, resolve));
    if (file.trickle !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // The reader drops what it has not yet taken in when it sees the end: let it, so that each cut is alike.
  if (cut) await new Promise((resolve) => setTimeout(resolve, 50));
  if (cut) return response.destroy();
  if (file.stallAfter === undefined) return response.end();
  return response;
}

function startOf(range: string): number {
  return Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? NaN);
}

export function sha256Of(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
