import { EffectError } from '../../shared/base/errors.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import type { Clock } from '../../shared/ports.ts';
import type { Inspection } from './format.ts';
import { HEADER_BYTES, inspectHeader } from './format.ts';
import type { HttpAnswer } from './http.ts';
import { packingOf } from './packing.ts';
import type { Partial } from './partial.ts';
import type { Validators } from './sources.ts';

/** What a power cut may cost of a download, whatever the uplink's speed. */
const SYNC_EVERY_MS = 5_000;
/** How far a download may go before it looks again at what the disk has left. */
const SPACE_CHECK_BYTES = 16 * 1024 * 1024;

/** A file that is offered somewhere. */
export interface Offer {
  /** Where, as it is remembered with what was received: another's validators mean nothing. */
  readonly url: string;
  /** The same, fit to be shown. */
  readonly shown: string;
  readonly sha256?: string | undefined;
  /** No more than this is taken. */
  readonly mostBytes: number;
  /** Whether it is to be a disk image: then what can't be one is refused after its first bytes. */
  readonly isImage: boolean;
  get(headers: Readonly<Record<string, string>>): Promise<HttpAnswer>;
}

export interface ReceiveOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** @throws EffectError `DiskFull` where there is no room for so much more, and none can be made */
  readonly makeRoom: (neededBytes: number) => Promise<void>;
  readonly progress: (bytes: number, totalBytes: number | undefined) => void;
}

/**
 * `received`: the download is whole. `unchanged`: the server says that the version which `known` tells of is
 * still the newest. `restart`: what there was did not fit the answer and is forgotten; ask again.
 * `refused`: the first bytes are those of something that can't be taken.
 */
export type Received = 'received' | 'unchanged' | 'restart' | Extract<Inspection, { refused: unknown }>;

/**
 * Gets what is missing of a download over one connection.
 * @throws EffectError of `httpGet` and its body, `HttpStatus`, `BadAnswer`, `DiskFull`
 */
export async function receive(
  source: Offer,
  partial: Partial,
  known: Validators | undefined,
  options: ReceiveOptions,
): Promise<Received> {
  const range = rangeHeaders(source, partial);
  const headers = { 'accept-encoding': 'identity', ...conditionHeaders(known), ...range };
  const answer = await source.get(headers);
  try {
    if (answer.status === 304 && known !== undefined) return 'unchanged';
    if (answer.status === 416 && 'range' in range) return await settleEnd(answer, source, partial);
    if (answer.status === 206 && 'range' in range) {
      if (!continues(answer, source, partial)) return await forget(source, partial);
    } else if (answer.status === 200) {
      const totalBytes = lengthOf(answer.headers['content-length']);
      const { etag, 'last-modified': lastModified } = answer.headers;
      await partial.begin({ url: source.url, etag, lastModified, totalBytes });
    } else {
      const { shown } = source;
      throw new EffectError('HttpStatus', shown, `${shown}: the server answered with ${answer.status}`);
    }
    return await readInto(partial, answer, source, options);
  } finally {
    answer.discard();
  }
}

function conditionHeaders(known: Validators | undefined): Record<string, string> {
  if (known?.etag !== undefined) return { 'if-none-match': known.etag };
  return known?.lastModified === undefined ? {} : { 'if-modified-since': known.lastModified };
}

/**
 * Asks for the rest where the parts are sure to belong together: the server can tell that the version is the
 * same (If-Range wants a strong validator: RFC 9110, section 13.1.5), or a checksum will tell us.
 */
function rangeHeaders(source: Offer, partial: Partial): Record<string, string> {
  const record = partial.record();
  if (record === undefined || partial.bytes() === 0) return {};
  const range = `bytes=${partial.bytes()}-`;
  if (record.url === source.url) {
    const strongEtag = record.etag?.startsWith('W/') === true ? undefined : record.etag;
    const validator = strongEtag ?? record.lastModified;
    if (validator !== undefined) return { range, 'if-range': validator };
  }
  return source.sha256 === undefined ? {} : { range };
}

/** Whether a 206 has the bytes that come next, of the same version: servers exist that ignore If-Range. */
function continues({ headers }: HttpAnswer, source: Offer, partial: Partial): boolean {
  const record = partial.record();
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  const sameTotal = total === '*' || record?.totalBytes === undefined || Number(total) === record.totalBytes;
  const sameVersion =
    record?.url !== source.url || headers.etag === undefined || headers.etag === record.etag;
  return start !== undefined && Number(start) === partial.bytes() && sameTotal && sameVersion;
}

/** After a 416: either there is nothing beyond what we have, or what we have is of something else. */
async function settleEnd({ headers }: HttpAnswer, source: Offer, partial: Partial): Promise<Received> {
  const sameVersion = headers.etag === undefined || headers.etag === partial.record()?.etag;
  const atEnd = headers['content-range'] === `bytes */${partial.bytes()}`;
  if (!atEnd || !sameVersion) return forget(source, partial);
  await partial.finish();
  return 'received';
}

async function forget({ url }: Offer, partial: Partial): Promise<Received> {
  await partial.begin({ url });
  return 'restart';
}

async function readInto(
  partial: Partial,
  { body }: HttpAnswer,
  source: Offer,
  { clock, makeRoom, progress }: ReceiveOptions,
): Promise<Received> {
  const totalBytes = partial.record()?.totalBytes;
  const missing = () => Math.max(0, (totalBytes ?? 0) - partial.bytes());
  if ((totalBytes ?? 0) > source.mostBytes) {
    await forget(source, partial);
    throw tooLarge(source);
  }
  await makeRoom(missing());
  progress(partial.bytes(), totalBytes);
  let syncedAtMs = clock.monotonic();
  let spaceKnownAt = partial.bytes();
  let headerRead = false;
  for await (const chunk of body) {
    if (partial.bytes() + chunk.length > source.mostBytes) {
      await forget(source, partial);
      throw tooLarge(source);
    }
    await partial.append(chunk);
    if (source.isImage && !headerRead && partial.bytes() >= HEADER_BYTES) {
      headerRead = true;
      // Not after gigabytes that can't be used.
      const header = await partial.header();
      const inspection = inspectHeader(header);
      if ('refused' in inspection && packingOf(header) === undefined) return inspection;
    }
    if (partial.bytes() - spaceKnownAt >= SPACE_CHECK_BYTES) {
      await makeRoom(missing());
      spaceKnownAt = partial.bytes();
    }
    if (clock.monotonic() - syncedAtMs >= SYNC_EVERY_MS) {
      await partial.sync();
      syncedAtMs = clock.monotonic();
    }
    progress(partial.bytes(), totalBytes);
  }
  const { shown } = source;
  if (missing() > 0) {
    throw new EffectError('ConnectionLost', shown, `${shown}: the answer ended before its end`);
  }
  if (totalBytes !== undefined && partial.bytes() > totalBytes) {
    await forget(source, partial);
    throw new EffectError(
      'BadAnswer',
      shown,
      `${shown}: the server sent more than the ${totalBytes} B it said`,
    );
  }
  await partial.finish();
  return 'received';
}

/** Also of a server that never ends, or says too little. */
function tooLarge({ shown, mostBytes }: Offer): EffectError {
  const message = `${shown} is larger than the ${formatBytes(mostBytes)} that may be taken`;
  return new EffectError('ImageTooLarge', shown, message);
}

function lengthOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
