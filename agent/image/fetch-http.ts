import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { ImageAccess, ImageSource } from '../machine/image-source.ts';
import { fetchOffer } from './fetch-offer.ts';
import type { WholeOffer } from './fetch-offer.ts';
import type { Fetched, FetchOptions } from './fetched.ts';
import { httpGet, showUrl } from './http.ts';
import { judgeImage } from './judge-image.ts';
import { packingOf, unpack } from './packing.ts';
import type { Partial } from './partial.ts';
import type { Offer } from './receive.ts';
import { RefusedImage } from './refused-image.ts';
import type { Validators } from './sources.ts';
import { writeSparsely } from './written-file.ts';

const UNPACKED_FILE = 'unpacked';

/**
 * Fetches a disk image from a web server, and unpacks it where it is packed.
 * @throws EffectError of `fetchOffer`
 */
export async function fetchHttp(
  source: ImageSource,
  folder: string,
  known: Validators | undefined,
  options: FetchOptions,
): Promise<Fetched> {
  const { clock, signal } = options;
  const { certificates = [] } = source.access ?? {};
  const secretHeaders = compileHeaders(source.access);
  const offer: Offer = {
    url: source.url,
    shown: showUrl(source.url),
    sha256: source.sha256,
    mostBytes: options.largestBytes,
    isImage: true,
    get: async (headers) => httpGet(source.url, headers, { clock, signal, certificates, secretHeaders }),
  };
  return fetchOffer(offer, folder, known, options, async (partial, received) => {
    const { url = '', etag, lastModified } = partial.record() ?? {};
    // Of what was downloaded, which may have come from another URL with the same checksum.
    const version = { url, etag, lastModified };
    try {
      return { version, files: [await check(source, partial, received, options)], folders: [folder] };
    } catch (error) {
      if (!(error instanceof RefusedImage)) throw error;
      return { version, refused: error, folders: [folder] };
    }
  });
}

function compileHeaders({ headers = [], login }: ImageAccess = {}): Record<string, string> {
  const pairs = headers.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  });
  const basic = login && Buffer.from(`${login.user}:${login.password}`).toString('base64');
  return {
    ...Object.fromEntries(pairs),
    ...(basic === undefined ? {} : { authorization: `Basic ${basic}` }),
  };
}

/**
 * The disk image of a download that is complete. A raw image that was cut short by a server which gave neither a
 * length nor a checksum can't be told from a whole one.
 */
async function check(source: ImageSource, partial: Partial, received: WholeOffer, options: FetchOptions) {
  if (received !== 'received') throw new RefusedImage(received.refused.code, received.refused.message);
  const sha256 = partial.digest();
  if (source.sha256 !== undefined && source.sha256 !== sha256) {
    throw new RefusedImage(
      'ChecksumMismatch',
      `has the SHA-256 ${sha256}, not ${source.sha256} as asked for`,
    );
  }
  const header = await partial.header();
  const packing = packingOf(header);
  if (packing === undefined) {
    await judgeImage(partial.path, header, options);
    return { path: partial.path, sha256 };
  }
  const content = unpack(createReadStream(partial.path), packing, options.signal);
  const path = join(partial.path, '..', UNPACKED_FILE);
  const unpacked = await writeSparsely(path, content, { ...options, mostBytes: options.largestBytes });
  await judgeImage(path, unpacked.header, options);
  return unpacked;
}
