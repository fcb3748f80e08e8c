import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { ImageSource } from '../machine/image-source.ts';
import { sourceKey } from '../machine/image-source.ts';
import type { Bases } from './bases.ts';
import { copyDisk } from './copy-disk.ts';
import { fetchHttp } from './fetch-http.ts';
import type { Fetched, FetchOptions } from './fetched.ts';
import type { Refusal } from './format.ts';
import { showUrl } from './http.ts';
import { pullImage } from './registry/pull.ts';
import type { KnownSource, Sources } from './sources.ts';

/** How long a whole version that was refused is not downloaded again: what broke it may have been on the way. */
const REFUSED_MS = 3_600_000;

export interface DownloadOptions extends FetchOptions {
  readonly bases: Bases;
  readonly sources: Sources;
}

/** A source's address, fit to be shown. */
export function showSource({ url }: ImageSource): string {
  return /^https?:/.test(url) ? showUrl(url) : url;
}

/** The folder's name of a source's download: what an operator wrote never becomes a path. */
export function partialName(source: ImageSource): string {
  return createHash('sha256').update(sourceKey(source)).digest('hex');
}

/**
 * Brings the newest version of a source into `bases`: asks whether there is a newer one, gets it, checks it and
 * keeps it.
 *
 * @throws EffectError of what fetches it, or with a `Refusal`'s code; anything where the signal aborts
 */
export async function download(source: ImageSource, options: DownloadOptions): Promise<void> {
  const known = usableKnowledge(source, options);
  const fetched = await fetchSource(source, known, options);
  if (fetched !== 'unchanged') await settle(source, fetched, options);
  else if (known?.refused !== undefined) throw refusalError(source, known.refused);
}

async function fetchSource(source: ImageSource, known: KnownSource | undefined, options: DownloadOptions) {
  const folder = join(options.folder, partialName(source));
  const [scheme] = source.url.split(':');
  switch (scheme) {
    case 'docker':
      return pullImage(source, folder, known, options);
    case 'clone':
      // What an earlier copy holds is of then: it must not serve where this one fails.
      options.sources.forget(sourceKey(source));
      return copyDisk(source, folder, options);
    default:
      return fetchHttp(source, folder, known, options);
  }
}

/** Keeps what was fetched, or remembers why not; what it was made of is deleted. */
export async function settle(
  source: ImageSource,
  fetched: Exclude<Fetched, 'unchanged'>,
  { sources, bases, clock }: Pick<DownloadOptions, 'sources' | 'bases' | 'clock'>,
): Promise<void> {
  const key = sourceKey(source);
  const deleteRest = async () => {
    for (const folder of fetched.folders) await rm(folder, { recursive: true, force: true });
  };
  if ('refused' in fetched) {
    const { code, message } = fetched.refused;
    const refused = { code, message, atMs: clock.now() };
    const { sha256, files } = sources.get(key) ?? {};
    sources.put(key, { ...fetched.version, sha256, files, refused });
    await deleteRest();
    throw refusalError(source, refused);
  }
  const files = fetched.files.map(({ sha256 }) => sha256);
  // First, so that a base is never here without its source being known; until it is here the source is absent.
  sources.put(key, {
    ...fetched.version,
    sha256: files[0],
    ...(source.files === undefined ? {} : { files }),
  });
  for (const { path, sha256 } of fetched.files) await bases.add(path, sha256);
  await deleteRest();
}

/** What makes "it has not changed" an answer: a base that serves, or a refusal that still holds. */
function usableKnowledge(source: ImageSource, { sources, bases, clock }: DownloadOptions) {
  const known = sources.get(sourceKey(source));
  if (known === undefined || known.url !== source.url) return undefined;
  const { refused } = known;
  const holds =
    refused === undefined
      ? bases.serve(source, known) !== undefined
      : Math.abs(clock.now() - refused.atMs) < REFUSED_MS;
  return holds ? known : undefined;
}

function refusalError(source: ImageSource, { code, message }: { code: string; message: string } | Refusal) {
  const shown = showSource(source);
  return new EffectError(code, shown, `${shown} ${message}`);
}
