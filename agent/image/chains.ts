import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** QEMU's `docs/interop/qcow2.txt`: where a header has offset and length of the name of what a disk lies over. */
const HEADER_BYTES = 20;
const QCOW_MAGIC = 0x51_46_49_fb;
const LONGEST_NAME = 1023;
/** From the data directory to a disk: `machines/UID/disk`, and room for one more. */
const DEEPEST = 4;

/**
 * The bases (their SHA-256) that disks under `folder` lie over, as the disks themselves say: whatever made them and
 * whoever still knows of them. `besides` is not looked into.
 *
 * @throws where a folder or a disk can't be read: then nothing is known to be unused
 */
export async function findUsedBases(folder: string, besides: string): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  const walk = async (place: string, depth: number): Promise<void> => {
    for (const entry of await readdir(place, { withFileTypes: true })) {
      const path = join(place, entry.name);
      if (path === besides) continue;
      if (entry.isDirectory() && depth < DEEPEST) await walk(path, depth + 1);
      else if (entry.isFile() && entry.name.endsWith('.qcow2')) {
        const name = await readBackingName(path);
        if (name !== undefined) used.add(basename(name));
      }
    }
  };
  await walk(folder, 0);
  return used;
}

async function readBackingName(path: string): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    await file.read(header, 0, HEADER_BYTES, 0);
    if (header.readUInt32BE(0) !== QCOW_MAGIC) return undefined;
    const offset = Number(header.readBigUInt64BE(8));
    const size = Math.min(header.readUInt32BE(16), LONGEST_NAME);
    if (offset === 0 || size === 0) return undefined;
    const name = Buffer.alloc(size);
    await file.read(name, 0, size, offset);
    return name.toString('utf8');
  } finally {
    await file.close();
  }
}
