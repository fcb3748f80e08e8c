import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readBootId, writeFileDurably } from '../../shared/host/files.ts';
import { HEADER_BYTES } from './format.ts';
import { openFolder } from './folder.ts';
import { validators } from './sources.ts';

const DATA_FILE = 'data';
const RECORD_FILE = 'partial.json';

const partialRecord = validators.extend({
  url: z.string(),
  /** Of the whole, where the server said it. */
  totalBytes: z.int().optional(),
  /** As much of the data as is surely on disk. */
  syncedBytes: z.int(),
  /** The boot of the host in which it was written: within it, what was written is there, synced or not. */
  bootId: z.string(),
});
export type PartialRecord = z.infer<typeof partialRecord>;

/** A download under way, in a folder of its own: the data, and a record of what it is a part of. */
export interface Partial {
  readonly path: string;
  /** Undefined before the first answer. */
  record(): Readonly<PartialRecord> | undefined;
  bytes(): number;
  /** Whether all is there. */
  complete(): boolean;
  /** Forgets the data and begins with another version. */
  begin(record: Omit<PartialRecord, 'syncedBytes' | 'bootId'>): Promise<void>;
  append(chunk: Buffer): Promise<void>;
  /** Writes through to disk what there is, so that it outlasts a power cut. */
  sync(): Promise<void>;
  /** Notes that what there is is the whole. */
  finish(): Promise<void>;
  /** The first bytes, for `inspectHeader`. */
  header(): Promise<Buffer>;
  /** SHA-256 of what there is, in hexadecimal. */
  digest(): string;
  /** Deletes it all; only `close` may follow. */
  discard(): Promise<void>;
  /** Syncs as far as that succeeds: what it does not reach is dropped by the next `openPartial`. */
  close(): Promise<void>;
}

/**
 * Opens the download in `folder`, or begins one. What is there is hashed again. What was not synced when the host
 * went down is dropped: after a power cut a file can have its length and not its content.
 */
export async function openPartial(folder: string, signal: AbortSignal): Promise<Partial> {
  // What checks an image runs as another user; the record, which may have secrets, is for the owner alone.
  openFolder(folder, 0o711);
  const path = join(folder, DATA_FILE);
  const bootId = readBootId();
  let record = readRecord(folder);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (record !== undefined && size < record.syncedBytes) record = undefined;
  let bytes = record?.bootId === bootId ? size : (record?.syncedBytes ?? 0);
  let hash = await hashStart(path, bytes, signal);
  const file = await open(path, 'a+', 0o644);
  await file.truncate(bytes);
  let discarded = false;

  const save = (next: PartialRecord) => {
    record = next;
    writeFileDurably(join(folder, RECORD_FILE), JSON.stringify(next));
  };
  const sync = async () => {
    await file.datasync();
    if (record !== undefined && record.syncedBytes !== bytes) save({ ...record, syncedBytes: bytes, bootId });
  };
  return {
    path,
    record: () => record,
    bytes: () => bytes,
    complete: () => record?.totalBytes === bytes,
    async begin(next) {
      // In this order: a record of more than there is shows as damage, but data of another version would not.
      await file.truncate(0);
      save({ ...next, syncedBytes: 0, bootId });
      bytes = 0;
      hash = createHash('sha256');
    },
    async append(chunk) {
      await file.appendFile(chunk);
      hash.update(chunk);
      bytes += chunk.length;
    },
    sync,
    async finish() {
      await sync();
      if (record !== undefined) save({ ...record, totalBytes: bytes });
    },
    async header() {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    },
    digest: () => hash.copy().digest('hex'),
    async discard() {
      discarded = true;
      await rm(folder, { recursive: true, force: true });
    },
    async close() {
      if (!discarded) await sync().catch(() => undefined);
      await file.close();
    },
  };
}

/** The record in a download's folder, or undefined where it is missing or unreadable. */
export function readRecord(folder: string): PartialRecord | undefined {
  try {
    return partialRecord.parse(JSON.parse(readFileSync(join(folder, RECORD_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

async function hashStart(path: string, bytes: number, signal: AbortSignal) {
  const hash = createHash('sha256');
  if (bytes === 0) return hash;
  for await (const chunk of createReadStream(path, { end: bytes - 1, signal })) hash.update(chunk as Buffer);
  return hash;
}
