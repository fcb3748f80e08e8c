import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream';
import type { Readable, Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { RefusedImage } from './refused-image.ts';

/** How a file is packed, as its first bytes say; a name or a server's word for it counts for nothing. */
export type Packing = 'gzip' | 'xz' | 'zstd';

const MARKS: readonly (readonly [Packing, string])[] = [
  ['gzip', '\x1f\x8b\x08'],
  ['xz', '\xfd7zXZ\0'],
  ['zstd', '\x28\xb5\x2f\xfd'],
];

/** What unpacking xz may take in memory: the most that `xz -9` asks for, and some. */
const XZ_MEMORY = '128MiB';
/** Far above what unpacking the largest image that is taken costs. */
const XZ_CPU_SECONDS = 7_200;

export function packingOf(header: Buffer): Packing | undefined {
  return MARKS.find(([, mark]) => header.toString('latin1', 0, mark.length) === mark)?.[0];
}

/**
 * The content of a packed stream, never more than some hundred KiB of it in memory.
 * @throws RefusedImage where it is broken
 */
export async function* unpack(
  packed: Readable,
  packing: Packing,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const unpacked = packing === 'xz' ? unpackXz(packed, signal) : unpackHere(packed, packing);
  try {
    yield* unpacked;
  } catch (error) {
    // What reading the file itself met is no fault of the file's content.
    if (signal.aborted || codeOf(error)?.startsWith('E') === true) throw error;
    if (error instanceof RefusedImage) throw error;
    throw broken(packing, messageOf(error));
  } finally {
    packed.destroy();
  }
}

function broken(packing: Packing, why: string): RefusedImage {
  return new RefusedImage('BrokenImage', `is broken where it is packed with ${packing}: ${why}`);
}

function unpackHere(packed: Readable, packing: 'gzip' | 'zstd'): Transform {
  const unpacker = packing === 'gzip' ? createGunzip() : createZstdDecompress();
  // The error comes out of the unpacker's own end.
  pipeline(packed, unpacker, () => {});
  return unpacker;
}

/** Node has no xz: it is unpacked by xz itself, with limits. */
async function* unpackXz(packed: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const limits = [`--cpu=${XZ_CPU_SECONDS}`, '--as=536870912', '--core=0', '--'];
  const command = [
    ...limits,
    'xz',
    '--decompress',
    '--stdout',
    '--quiet',
    `--memlimit-decompress=${XZ_MEMORY}`,
  ];
  const child = spawn('prlimit', command, { stdio: ['pipe', 'pipe', 'pipe'], signal });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-500)));
  const ended = new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, killer) =>
      resolve(code === 0 ? undefined : words.trim() || `xz ended with ${killer ?? code}`),
    );
  });
  pipeline(packed, child.stdin, () => {});
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const failure = await ended;
    signal.throwIfAborted();
    if (failure !== undefined) throw broken('xz', failure);
  } finally {
    child.kill('SIGKILL');
  }
}
