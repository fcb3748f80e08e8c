import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';

/** As upstream: what is smaller costs more to compress than it saves, and more effort than this gains little. */
const LEAST_BYTES = 128 * 1024;
const LEVEL = 1;
const HEADERS = { 'content-encoding': 'gzip', vary: 'Accept, Accept-Encoding' };

/** What says how a body is encoded. */
type Headers = Readonly<Record<string, string>>;

/** Off the event loop, on which others are served meanwhile. */
const compressBytes = promisify(gzip);

/** The body of an answer for a client with this `Accept-Encoding`. */
export async function compress(
  body: Uint8Array,
  acceptEncoding: string,
): Promise<{ readonly body: Uint8Array; readonly headers: Headers }> {
  if (!isAccepted(acceptEncoding) || body.byteLength <= LEAST_BYTES) return { body, headers: {} };
  return { body: await compressBytes(body, { level: LEVEL }), headers: HEADERS };
}

/** The same for a long body that comes in parts; undefined where the client does not take it so. */
export function createCompressor(
  acceptEncoding: string,
): { readonly stream: Transform; readonly headers: Headers } | undefined {
  return isAccepted(acceptEncoding) ? { stream: createGzip({ level: LEVEL }), headers: HEADERS } : undefined;
}

function isAccepted(acceptEncoding: string): boolean {
  return acceptEncoding.split(',').some((name) => name.trim() === 'gzip');
}
