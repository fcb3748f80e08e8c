import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assert } from '../../../shared/base/assert.ts';
import { EffectError } from '../../../shared/base/errors.ts';
import { parseImageReference } from '../../../shared/base/image-reference.ts';
import type { ImageSource } from '../../machine/image-source.ts';
import { fetchOffer } from '../fetch-offer.ts';
import type { Fetched, FetchOptions } from '../fetched.ts';
import { openFolder } from '../folder.ts';
import { judgeImage } from '../judge-image.ts';
import { packingOf, unpack } from '../packing.ts';
import type { Partial } from '../partial.ts';
import { RefusedImage } from '../refused-image.ts';
import type { KnownSource } from '../sources.ts';
import { createLayerReader } from './layers.ts';
import type { LayerReader } from './layers.ts';
import { findLogin } from './login.ts';
import type { Descriptor } from './manifest.ts';
import { parseManifest } from './manifest.ts';
import { resolveEndpoint } from './mirrors.ts';
import type { Registry } from './registry.ts';
import { createRegistry } from './registry.ts';

/**
 * Fetches a disk, or single files, from a container image. Each layer is a download of its own, that is gone on
 * with where it was cut off, and checked against its digest before anything reads it.
 *
 * @param folder the beginning of the names of folders for what is under way
 * @throws EffectError of `createRegistry`'s and `fetchOffer`
 */
export async function pullImage(
  source: ImageSource,
  folder: string,
  known: KnownSource | undefined,
  options: FetchOptions,
): Promise<Fetched> {
  const registry = openRegistry(source, options);
  const { tag = 'latest', digest } = referenceOf(source);
  const pulled = await registry.manifest(digest ?? tag);
  const version = { url: source.url, etag: pulled.digest };
  if (known?.etag === pulled.digest) return 'unchanged';
  const work = `${folder}-files`;
  const folders = [work];
  try {
    const layers = await listLayers(pulled.text, registry, source, options);
    const places = layers.map((layer) => placeOf(folder, layer));
    await removeOthers(folder, places);
    openFolder(work, 0o711);
    const paths = source.files ?? (source.path === undefined ? undefined : [source.path]);
    const reader = createLayerReader({ ...options, paths, folder: work, mostBytes: options.largestBytes });
    const tally = tallyProgress(layers, options);
    for (const layer of layers.toReversed()) {
      if (reader.isDone()) break;
      const place = placeOf(folder, layer);
      folders.push(place);
      await readLayer(layer, place, registry, reader, { ...options, progress: tally.follow() });
      tally.add(layer);
    }
    const files = reader.finish();
    if (source.files === undefined) {
      for (const { path, header } of files) await judgeImage(path, header, options);
    }
    return { version, files, folders };
  } catch (error) {
    if (error instanceof RefusedImage) return { version, refused: error, folders };
    throw error;
  }
}

/** The folder in which a layer is received. */
function placeOf(folder: string, { digest }: Descriptor): string {
  return `${folder}-${hashOf(digest).slice(0, 32)}`;
}

/** Deletes what is left of other versions of the image: nothing would go on with that. */
async function removeOthers(folder: string, places: readonly string[]): Promise<void> {
  for (const name of await readdir(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (!path.startsWith(`${folder}-`) || places.includes(path)) continue;
    await rm(path, { recursive: true, force: true });
  }
}

function referenceOf({ url }: ImageSource) {
  const reference = parseImageReference(url.slice('docker://'.length));
  assert(reference !== undefined, `${url} is no container image`);
  return reference;
}

function openRegistry(source: ImageSource, { clock, signal, registries }: FetchOptions): Registry {
  const endpoint = resolveEndpoint(referenceOf(source), registries.mirrors);
  const certificates = [...registries.certificates, ...(source.access?.certificates ?? [])];
  const login = findLogin(endpoint, source.access, registries.readLogins());
  return createRegistry(endpoint, login, { clock, signal, certificates });
}

/** Follows a list of images to the one for this box. */
async function listLayers(
  text: string,
  registry: Registry,
  source: ImageSource,
  { registries, largestBytes }: FetchOptions,
): Promise<readonly Descriptor[]> {
  const architecture = source.architecture ?? registries.architecture;
  const first = parseManifest(text, architecture, largestBytes);
  if ('layers' in first) return first.layers;
  const chosen = await registry.manifest(first.chosen.digest);
  const second = parseManifest(chosen.text, architecture, largestBytes);
  if ('layers' in second) return second.layers;
  throw new RefusedImage('UnsupportedImageFormat', 'has a list of images inside its list of images');
}

async function readLayer(
  layer: Descriptor,
  folder: string,
  registry: Registry,
  reader: LayerReader,
  options: FetchOptions,
): Promise<void> {
  const sha256 = layer.digest.slice('sha256:'.length);
  const offer = {
    url: layer.digest,
    shown: `layer ${layer.digest.slice(0, 19)}`,
    sha256,
    mostBytes: layer.size,
    isImage: false,
    get: async (headers: Readonly<Record<string, string>>) => registry.blob(layer.digest, headers),
  };
  await fetchOffer(offer, folder, undefined, options, async (partial) => {
    if (partial.bytes() !== layer.size || partial.digest() !== sha256) {
      // Another try begins anew: what is here is of no use.
      await partial.discard();
      const message = `${offer.shown}: what came is not what the manifest names, by its size or its digest`;
      throw new EffectError('ChecksumMismatch', offer.shown, message);
    }
    await reader.read(await openLayer(partial, options));
  });
}

async function openLayer(partial: Partial, { signal }: FetchOptions): Promise<AsyncIterable<Buffer>> {
  const packing = packingOf(await partial.header());
  const packed = createReadStream(partial.path);
  return packing === undefined ? (packed as AsyncIterable<Buffer>) : unpack(packed, packing, signal);
}

/** Progress over all layers, as if they were one download. */
function tallyProgress(layers: readonly Descriptor[], { progress }: FetchOptions) {
  const totalBytes = layers.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  return {
    follow: () => (bytes: number) => progress(done + bytes, totalBytes),
    add({ size }: Descriptor) {
      done += size;
      progress(done, totalBytes);
    },
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
