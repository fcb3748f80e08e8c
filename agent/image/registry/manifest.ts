import { z } from 'zod';
import { messageOf } from '../../../shared/base/errors.ts';
import { RefusedImage } from '../refused-image.ts';

/** OCI's image-spec 1.1 and Docker's "Image Manifest Version 2, Schema 2", which differ in their media types only. */

export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/** As much as the specification asks a registry to take. */
export const MOST_MANIFEST_BYTES = 4 * 1024 * 1024;
/** As many as an overlay file system takes; Docker makes no more. */
const MOST_LAYERS = 128;

const SHA256 = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be a SHA-256 digest');
const descriptor = z.object({ mediaType: z.string().max(256), digest: SHA256, size: z.int().min(0) });
export type Descriptor = z.infer<typeof descriptor>;

const platform = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  variant: z.string().optional(),
});
const index = z.object({
  schemaVersion: z.literal(2),
  manifests: z.array(descriptor.extend({ platform: platform.optional() })).max(1024),
});
const manifest = z.object({ schemaVersion: z.literal(2), layers: z.array(descriptor).max(MOST_LAYERS) });

/** A tar, packed in some way or not: which, is seen by its content. */
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[+.](?:gzip|zstd|xz))?$/;

/** What a manifest is: an image's layers, from the oldest to the newest, or the manifest of one image of a list. */
export type ParsedManifest = { readonly layers: readonly Descriptor[] } | { readonly chosen: Descriptor };

/**
 * @param architecture as Go calls it; of a list, the image for Linux on this is chosen
 * @param mostBytes that all layers may have together
 * @throws RefusedImage
 */
export function parseManifest(text: string, architecture: string, mostBytes: number): ParsedManifest {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) throw refuse('has a manifest that is no object');
  if ('schemaVersion' in value && value.schemaVersion === 1) {
    throw new RefusedImage(
      'UnsupportedImageFormat',
      'has a manifest of schema 1, which says little of what it is: push it again with a newer tool',
    );
  }
  // What can be read as both says one thing to who checks it, and another to who runs it (CVE-2021-41190).
  if ('manifests' in value && 'layers' in value)
    throw refuse('has a manifest that is a list and an image at once');
  return 'manifests' in value ? chooseImage(value, architecture) : readLayers(value, mostBytes);
}

function chooseImage(value: object, architecture: string): ParsedManifest {
  const { manifests } = check(index, value);
  const fits = manifests.find(
    (entry) => entry.platform?.os === 'linux' && entry.platform.architecture === architecture,
  );
  if (fits !== undefined) return { chosen: fits };
  const known = manifests
    .flatMap((entry) => entry.platform?.architecture ?? [])
    .filter((name) => name !== 'unknown');
  const which =
    known.length === 0 ? 'none is named' : `there are ${[...new Set(known)].slice(0, 20).join(', ')}`;
  throw new RefusedImage(
    'UnsupportedImageFormat',
    `has no image for linux/${architecture} in its list: ${which}`,
  );
}

function readLayers(value: object, mostBytes: number): ParsedManifest {
  const { layers } = check(manifest, value);
  const foreign = layers.find(({ mediaType }) => !LAYER_TYPE.test(mediaType));
  if (foreign !== undefined) {
    throw new RefusedImage(
      'UnsupportedImageFormat',
      `has a layer that is no file system: ${foreign.mediaType}`,
    );
  }
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  if (bytes > mostBytes)
    throw new RefusedImage('ImageTooLarge', `has layers of ${bytes} B together, more than ${mostBytes} B`);
  return { layers };
}

function check<Schema extends z.ZodType>(schema: Schema, value: object): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refuse(`has a broken manifest: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(`has a manifest that is no JSON: ${messageOf(error).slice(0, 200)}`);
  }
}

function refuse(message: string): RefusedImage {
  return new RefusedImage('BrokenImage', message);
}
