import { RefusedImage } from '../refused-image.ts';

/**
 * A tar stream as container images have it: POSIX ustar with pax records (POSIX.1-2001), and GNU's long names.
 * Nothing is ever written by the names in it.
 */

export interface TarEntry {
  /** Without leading and doubled slashes and without `.`; never has `..`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'hard link' | 'device' | 'sparse file';
  readonly bytes: number;
  /** To be read before the next entry is asked for, or left: then it is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

const BLOCK_BYTES = 512;
/** Names and attributes of one entry; Linux takes paths of 4 KiB. */
const MOST_RECORD_BYTES = 1024 * 1024;
/** More than any file system of an image has; a hostile one could go on for ever. */
const MOST_ENTRIES = 2_000_000;

const KINDS: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hard link',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'device',
  S: 'sparse file',
};

/** @throws RefusedImage where it is no tar, is cut short, or has paths that climb */
export async function* readTar(stream: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const input = createInput(stream);
  let records: ReadonlyMap<string, string> = new Map();
  for (let count = 0; ; count += 1) {
    if (count > MOST_ENTRIES) throw new RefusedImage('UnsafeImage', 'has a layer of millions of files');
    const header = await input.take(BLOCK_BYTES);
    // Two blocks of zeros end a tar, as does the stream's end, where a careless writer left them out.
    if (header === undefined || header.every((byte) => byte === 0)) return;
    checkSum(header);
    const type = header.toString('latin1', 156, 157);
    const bytes = sizeOf(header, records);
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      if (bytes > MOST_RECORD_BYTES)
        throw new RefusedImage('UnsafeImage', 'has a layer with names beyond measure');
      const content = await input.take(roundUp(bytes));
      if (content === undefined) throw cutShort();
      records = noteRecord(type, content.subarray(0, bytes), records);
      continue;
    }
    const content = input.part(bytes);
    const kind = [...records.keys()].some((key) => key.startsWith('GNU.sparse.'))
      ? 'sparse file'
      : KINDS[type];
    if (kind !== undefined) yield { path: normalise(nameOf(header, records)), kind, bytes, content };
    for await (const rest of content) void rest;
    await input.skip(roundUp(bytes) - bytes);
    records = new Map();
  }
}

function noteRecord(
  type: string,
  content: Buffer,
  before: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  // Records for all that follows would have to be names or sizes, which can't be the same for all.
  if (type === 'g' || type === 'K') return before;
  if (type === 'L') return new Map([...before, ['path', textOf(content, 0, content.length)]]);
  return new Map([...before, ...parsePax(content)]);
}

/** `LENGTH KEY=VALUE\n`, the length being that of the whole. */
function parsePax(content: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(0x20, at);
    const digits = content.toString('latin1', at, Math.max(space, at));
    const length = /^\d{1,7}$/.test(digits) ? Number(digits) : 0;
    const record = content.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (space < 0 || at + length > content.length || equals < 1) throw notTar('a broken pax record');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

function nameOf(header: Buffer, records: ReadonlyMap<string, string>): string {
  const path = records.get('path');
  if (path !== undefined) return path;
  const name = textOf(header, 0, 100);
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? textOf(header, 345, 500) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function normalise(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (!parts.includes('..') && !path.includes('\0')) return parts.join('/');
  throw new RefusedImage(
    'UnsafeImage',
    `has a layer with a path that climbs: ${JSON.stringify(path.slice(0, 200))}`,
  );
}

function sizeOf(header: Buffer, records: ReadonlyMap<string, string>): number {
  const told = records.get('size');
  const bytes = told === undefined ? numberAt(header, 124, 12) : /^\d{1,16}$/.test(told) ? Number(told) : NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw notTar('an impossible size');
}

/** Octal, or, where the first bit is set, binary (GNU, for what octal has no room for). */
function numberAt(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) {
    const field = Buffer.from(header.subarray(at, at + length));
    field[0] = (field[0] ?? 0) & 0x7f;
    return Number(BigInt(`0x${field.toString('hex')}`));
  }
  const text = textOf(header, at, at + length).trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : NaN;
}

function checkSum(header: Buffer): void {
  let sum = 0;
  for (const [at, byte] of header.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte;
  if (sum !== numberAt(header, 148, 8)) throw notTar('a header whose sum is wrong');
}

function textOf(buffer: Buffer, from: number, to: number): string {
  const end = buffer.indexOf(0, from);
  return buffer.toString('utf8', from, end < 0 || end > to ? to : end);
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function notTar(what: string): RefusedImage {
  return new RefusedImage('BrokenImage', `has a layer that is no tar: ${what}`);
}

function cutShort(): RefusedImage {
  return new RefusedImage('BrokenImage', 'has a layer that is cut short');
}

function createInput(stream: AsyncIterable<Buffer>) {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  /** At most `most` bytes of what comes next; undefined at the end. */
  async function next(most: number): Promise<Buffer | undefined> {
    while (rest.length === 0) {
      const chunk = await chunks.next();
      if (chunk.done === true) return undefined;
      rest = chunk.value;
    }
    const taken = rest.subarray(0, most);
    rest = rest.subarray(taken.length);
    return taken;
  }
  async function* part(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0;) {
      const taken = await next(left);
      if (taken === undefined) throw cutShort();
      left -= taken.length;
      yield taken;
    }
  }
  return {
    /** Exactly so many bytes; undefined where the stream is at its end. */
    async take(bytes: number): Promise<Buffer | undefined> {
      const first = await next(bytes);
      if (first === undefined || first.length === bytes) return first;
      const parts = [first];
      for await (const taken of part(bytes - first.length)) parts.push(taken);
      return Buffer.concat(parts);
    },
    part(bytes: number): AsyncIterable<Buffer> {
      // One generator for the reader and for what skips the rest: leaving a loop early must not end it.
      const content = part(bytes);
      return { [Symbol.asyncIterator]: () => ({ next: async () => content.next() }) };
    },
    async skip(bytes: number): Promise<void> {
      for await (const skipped of part(bytes)) void skipped;
    },
  };
}
