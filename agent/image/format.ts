import { formatBytes } from '../../shared/base/quantity.ts';

/**
 * What a file's first bytes say it is. Raw has no mark of its own: whatever is not known to be something else
 * is raw, so a format missing here would be given to a guest as if it were a disk.
 */

/** As many first bytes as `inspectHeader` wants, or the whole file where it is shorter. */
export const HEADER_BYTES = 512;

export type Inspection =
  | { readonly format: 'raw' }
  | { readonly format: 'qcow2'; readonly virtualBytes: number }
  | { readonly refused: Refusal };

/** `message` goes on after the image's address: "… is a gzip file: …". */
export interface Refusal {
  readonly code:
    'UnsupportedImageFormat' | 'UnsafeImage' | 'BrokenImage' | 'ChecksumMismatch' | 'ImageTooLarge';
  readonly message: string;
}

const CONVERT = 'convert it with "qemu-img convert -O qcow2" and offer the result';
const UNPACK = 'unpack it and offer the disk image itself';

interface Mark {
  readonly at: number;
  readonly bytes: string;
  readonly name: string;
  readonly wayOut: string;
}

/** `bytes` in Latin-1. Sources: QEMU's block drivers, file(1)'s magic. */
const FOREIGN: readonly Mark[] = [
  { at: 0, bytes: 'KDMV', name: 'a VMDK image', wayOut: CONVERT },
  { at: 0, bytes: '# Disk DescriptorFile', name: 'a VMDK descriptor', wayOut: CONVERT },
  { at: 0, bytes: 'vhdxfile', name: 'a VHDX image', wayOut: CONVERT },
  { at: 0, bytes: 'conectix', name: 'a VHD image', wayOut: CONVERT },
  { at: 0x40, bytes: '\x7f\x10\xda\xbe', name: 'a VDI image', wayOut: CONVERT },
  { at: 0, bytes: 'QED\0', name: 'a QED image', wayOut: CONVERT },
  { at: 0, bytes: 'WithoutFreeSpace', name: 'a Parallels image', wayOut: CONVERT },
  { at: 0, bytes: 'WithouFreSpacExt', name: 'a Parallels image', wayOut: CONVERT },
  { at: 0, bytes: '\x1f\x8b', name: 'a gzip file', wayOut: UNPACK },
  { at: 0, bytes: '\xfd7zXZ\0', name: 'an xz file', wayOut: UNPACK },
  { at: 0, bytes: '\x28\xb5\x2f\xfd', name: 'a zstd file', wayOut: UNPACK },
  { at: 0, bytes: 'BZh', name: 'a bzip2 file', wayOut: UNPACK },
  { at: 0, bytes: 'PK\x03\x04', name: 'a zip archive', wayOut: UNPACK },
  { at: 257, bytes: 'ustar', name: 'a tar or OVA archive', wayOut: UNPACK },
];

const WEB_PAGE = /^\s*<(!doctype html|html)/i;

const QCOW_MAGIC = 'QFI\xfb';
/** `crypt_method` and all before it: version 2 has no more. */
const QCOW2_V2_HEADER_BYTES = 72;
/** QEMU's qcow2 driver takes 512 B to 2 MiB. */
const QCOW2_CLUSTER_BITS = { min: 9, max: 21 };
const INCOMPATIBLE_CORRUPT = 1n << 1n;
const INCOMPATIBLE_DATA_FILE = 1n << 2n;

export function inspectHeader(header: Buffer): Inspection {
  if (header.length === 0) return broken('is empty');
  if (startsWith(header, 0, QCOW_MAGIC)) return inspectQcow(header);
  const mark = FOREIGN.find(({ at, bytes }) => startsWith(header, at, bytes));
  if (mark !== undefined) return unsupported(`is ${mark.name}: ${mark.wayOut}`);
  if (WEB_PAGE.test(header.toString('latin1'))) {
    return unsupported('is a web page, perhaps of a login or an error: give the address of the image itself');
  }
  return { format: 'raw' };
}

/**
 * The header as `docs/interop/qcow2.txt` of QEMU lays it out, big-endian. It is read here, before any tool of
 * QEMU opens the image: opening alone makes those follow a data file's name to wherever it leads on this box
 * (CVE-2024-4467).
 */
function inspectQcow(header: Buffer): Inspection {
  if (header.length < QCOW2_V2_HEADER_BYTES) return broken('ends within its qcow2 header');
  const version = header.readUInt32BE(4);
  if (version < 2) return unsupported(`is a qcow image of version ${version}: ${CONVERT}`);
  if (header.readBigUInt64BE(8) !== 0n) {
    return unsafe('is a qcow2 image with a backing file: make it whole with "qemu-img convert -O qcow2"');
  }
  if (header.readUInt32BE(32) !== 0) return unsafe('is an encrypted qcow2 image: offer it unencrypted');
  const incompatible = version >= 3 && header.length >= 80 ? header.readBigUInt64BE(72) : 0n;
  if ((incompatible & INCOMPATIBLE_DATA_FILE) !== 0n) {
    return unsafe(
      'is a qcow2 image with an external data file: make it whole with "qemu-img convert -O qcow2"',
    );
  }
  if ((incompatible & INCOMPATIBLE_CORRUPT) !== 0n) return broken('is a qcow2 image that is marked corrupt');
  const clusterBits = header.readUInt32BE(20);
  if (clusterBits < QCOW2_CLUSTER_BITS.min || clusterBits > QCOW2_CLUSTER_BITS.max) {
    return broken(`is a qcow2 image with clusters of 2^${clusterBits} bytes`);
  }
  const virtualBytes = Number(header.readBigUInt64BE(24));
  if (!Number.isSafeInteger(virtualBytes)) {
    return broken(`is a qcow2 image of an impossible size (${formatBytes(virtualBytes)})`);
  }
  return { format: 'qcow2', virtualBytes };
}

function startsWith(header: Buffer, at: number, bytes: string): boolean {
  return header.toString('latin1', at, at + bytes.length) === bytes;
}

function unsupported(message: string): Inspection {
  return { refused: { code: 'UnsupportedImageFormat', message } };
}

function unsafe(message: string): Inspection {
  return { refused: { code: 'UnsafeImage', message } };
}

function broken(message: string): Inspection {
  return { refused: { code: 'BrokenImage', message } };
}
