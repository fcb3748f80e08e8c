import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** As upstream: what is smaller costs more to compress than it saves, and more effort than this gains little. */
const LEAST_BYTES = 128 * 1024;
const LEVEL = 1;

/** Off the event loop, on which others are served meanwhile. */
const compressBytes = promisify(gzip);

/** The body of an answer and the headers that say how it is encoded, for a client with this `Accept-Encoding`. */
export async function compress(
  body: Uint8Array,
  acceptEncoding: string,
): Promise<{ readonly body: Uint8Array; readonly headers: Readonly<Record<string, string>> }> {
  const isAccepted = acceptEncoding.split(',').some((name) => name.trim() === 'gzip');
  if (!isAccepted || body.byteLength <= LEAST_BYTES) return { body, headers: {} };
  const headers = { 'content-encoding': 'gzip', vary: 'Accept, Accept-Encoding' };
  return { body: await compressBytes(body, { level: LEVEL }), headers };
}
