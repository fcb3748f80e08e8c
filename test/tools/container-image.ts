import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { gzipSync, zstdCompressSync } from 'node:zlib';

/** Container images made by hand, so that a test decides every byte of them. */

export interface TarFile {
  readonly path: string;
  readonly content?: Buffer;
  /** One of tar's type flags; a regular file where there is none. */
  readonly type?: string;
  readonly linksTo?: string;
  /** What the header says, where that is to be a lie. */
  readonly saysBytes?: number;
}

export interface Blob {
  readonly digest: string;
  readonly content: Buffer;
}

export interface ContainerImage {
  readonly manifest: Blob & { readonly mediaType: string };
  readonly blobs: readonly Blob[];
}

const OCI = 'application/vnd.oci.image';

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export function blobOf(content: Buffer): Blob {
  return { digest: digestOf(content), content };
}

/** A tar of these files, in their order. */
export function makeTar(files: readonly TarFile[]): Buffer {
  const parts = files.flatMap(({ path, content = Buffer.alloc(0), type = '0', linksTo = '', saysBytes }) => {
    const header = Buffer.alloc(512);
    header.write(path, 0, 100, 'utf8');
    header.write('0000644\0', 100);
    header.write(`${(saysBytes ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write(type, 156);
    header.write(linksTo, 157, 100);
    header.write('ustar\0' + '00', 257);
    header.write('        ', 148);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export function pack(content: Buffer, packing: 'none' | 'gzip' | 'xz' | 'zstd'): Buffer {
  switch (packing) {
    case 'none':
      return content;
    case 'gzip':
      return gzipSync(content);
    case 'zstd':
      return zstdCompressSync(content);
    case 'xz':
      return execFileSync('xz', ['-1', '--stdout'], { input: content, maxBuffer: 2 ** 30 });
  }
}

/** An image of these layers, from the oldest to the newest, each a packed tar. */
export function makeImage(layers: readonly Buffer[], type: 'oci' | 'docker' = 'oci'): ContainerImage {
  const config = blobOf(Buffer.from('{}'));
  const blobs = layers.map(blobOf);
  const isOci = type === 'oci';
  const docker = 'application/vnd.docker';
  const mediaType = isOci ? `${OCI}.manifest.v1+json` : `${docker}.distribution.manifest.v2+json`;
  const layerType = isOci ? `${OCI}.layer.v1.tar+gzip` : `${docker}.image.rootfs.diff.tar.gzip`;
  const configType = isOci ? `${OCI}.config.v1+json` : `${docker}.container.image.v1+json`;
  const describe = (blob: Blob, blobType: string) => ({
    mediaType: blobType,
    digest: blob.digest,
    size: blob.content.length,
  });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: describe(config, configType),
    layers: blobs.map((blob) => describe(blob, layerType)),
  });
  return { manifest: { ...blobOf(Buffer.from(text)), mediaType }, blobs: [config, ...blobs] };
}

/** A list of images by architecture. */
export function makeIndex(
  images: Readonly<Record<string, ContainerImage>>,
): Blob & { readonly mediaType: string } {
  const mediaType = `${OCI}.index.v1+json`;
  const manifests = Object.entries(images).map(([architecture, { manifest }]) => ({
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.content.length,
    platform: { os: 'linux', architecture },
  }));
  return { ...blobOf(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }))), mediaType };
}

/** A container disk: one file under /disk. */
export function makeContainerDisk(
  disk: Buffer,
  packing: 'none' | 'gzip' | 'xz' | 'zstd' = 'gzip',
): ContainerImage {
  return makeImage([
    pack(
      makeTar([
        { path: 'disk/', type: '5' },
        { path: 'disk/disk.img', content: disk },
      ]),
      packing,
    ),
  ]);
}
