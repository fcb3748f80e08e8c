import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import type { Log, Random } from '../../shared/ports.ts';
import type { ImageSource } from '../machine/compile.ts';
import { sourceKey } from '../machine/compile.ts';
import type { Bases } from './bases.ts';
import { availableBytes, diskFull } from './disk-space.ts';
import type { Refusal } from './format.ts';
import { inspectHeader } from './format.ts';
import { showUrl } from './http.ts';
import type { Partial } from './partial.ts';
import { openPartial } from './partial.ts';
import { checkQcow2 } from './qcow2-check.ts';
import type { ReceiveOptions } from './receive.ts';
import { receive } from './receive.ts';
import type { KnownSource, Sources } from './sources.ts';

/** Between losing a connection that had brought something and making the next; up to three times as long. */
const RECONNECT_MS = 1_000;
/** How long a whole version that was refused is not downloaded again: what broke it may have been on the way. */
const REFUSED_MS = 3_600_000;

export interface DownloadOptions extends ReceiveOptions {
  readonly bases: Bases;
  readonly sources: Sources;
  readonly random: Random;
  readonly log: Log;
}

/** The folder's name of a source's download: what an operator wrote never becomes a path. */
function partialName(source: ImageSource): string {
  return createHash('sha256').update(sourceKey(source)).digest('hex');
}

/**
 * Brings the newest version of a source into `bases`: asks whether there is a newer one, gets it over as many
 * connections as that takes while each brings something, checks it and keeps it.
 *
 * @throws EffectError of `receive` and `checkQcow2`, or with a `Refusal`'s code; anything where the signal aborts
 */
export async function download(source: ImageSource, options: DownloadOptions): Promise<void> {
  const known = usableKnowledge(source, options);
  const partial = await openPartial(join(options.folder, partialName(source)), options.signal);
  try {
    const received = partial.complete() ? 'received' : await receiveAll(source, partial, known, options);
    if (received === 'unchanged') {
      // A part of another version would never be gone on with.
      await partial.discard();
      if (known?.refused !== undefined) throw refusalError(source, known.refused);
      return;
    }
    const refusal = received === 'received' ? await check(source, partial, options.signal) : received.refused;
    if (refusal === undefined) await keep(source, partial, options);
    else await refuse(source, partial, refusal, options);
  } catch (error) {
    throw await withFullDisk(error, partial, options);
  } finally {
    await partial.close();
  }
}

/** What makes "it has not changed" an answer: a base that serves, or a refusal that still holds. */
function usableKnowledge(source: ImageSource, { sources, bases, clock }: DownloadOptions) {
  const known = sources.get(sourceKey(source));
  if (known === undefined || known.url !== source.url) return undefined;
  const { refused, sha256 } = known;
  const holds =
    refused === undefined
      ? sha256 !== undefined && bases.find(sha256) !== undefined
      : Math.abs(clock.now() - refused.atMs) < REFUSED_MS;
  return holds ? known : undefined;
}

async function receiveAll(
  source: ImageSource,
  partial: Partial,
  known: KnownSource | undefined,
  options: DownloadOptions,
) {
  let furthest = partial.bytes();
  for (;;) {
    try {
      const received = await receive(source, partial, known, options);
      if (received !== 'restart') return received;
    } catch (error) {
      // A server that can't resume and always breaks off at the same place gets no further: that is a failure.
      const wasLost = codeOf(error) === 'ConnectionLost' && partial.bytes() > furthest;
      if (!wasLost || options.signal.aborted) throw error;
      furthest = partial.bytes();
      options.log.info(
        { url: showUrl(source.url), bytes: furthest },
        'connection lost: resuming the download',
      );
      await pause(RECONNECT_MS * (1 + 2 * options.random.fraction()), options);
    }
  }
}

/**
 * What is wrong with a download that is complete, if anything. A raw image that was cut short by a server which
 * gave neither a length nor a checksum can't be told from a whole one.
 */
async function check(source: ImageSource, partial: Partial, signal: AbortSignal) {
  const sha256 = partial.digest();
  if (source.sha256 !== undefined && source.sha256 !== sha256) {
    const message = `has the SHA-256 ${sha256}, not ${source.sha256} as asked for`;
    return { code: 'ChecksumMismatch', message } as const;
  }
  const inspection = inspectHeader(await partial.header());
  if ('refused' in inspection) return inspection.refused;
  return inspection.format === 'qcow2' ? checkQcow2(partial.path, signal) : undefined;
}

async function keep(source: ImageSource, partial: Partial, { bases, sources }: DownloadOptions) {
  const sha256 = partial.digest();
  // First, so that a base is never here without its source being known; until it is here the source is absent.
  sources.put(sourceKey(source), { ...versionOf(partial), sha256 });
  if (bases.find(sha256) === undefined) await bases.add(partial.path, sha256);
  await partial.discard();
}

async function refuse(
  source: ImageSource,
  partial: Partial,
  { code, message }: Refusal,
  { sources, clock }: DownloadOptions,
): Promise<never> {
  const key = sourceKey(source);
  const refused = { code, message, atMs: clock.now() };
  sources.put(key, { ...versionOf(partial), sha256: sources.get(key)?.sha256, refused });
  await partial.discard();
  throw refusalError(source, refused);
}

/** Of what was downloaded, which may have come from another URL with the same checksum. */
function versionOf(partial: Partial) {
  const { url = '', etag, lastModified } = partial.record() ?? {};
  return { url, etag, lastModified };
}

function refusalError({ url }: ImageSource, { code, message }: { code: string; message: string }) {
  return new EffectError(code, showUrl(url), `${showUrl(url)} ${message}`);
}

/**
 * Names a full disk as such. The part of the image is kept to be resumed, unless even half of the reserve is
 * used up: then the agent's own store needs the room more.
 */
async function withFullDisk(error: unknown, partial: Partial, { folder, reserveBytes }: DownloadOptions) {
  const code = codeOf(error) ?? '';
  if (!['DiskFull', 'ENOSPC', 'EDQUOT'].includes(code)) return error;
  const available = await availableBytes(folder);
  const missing = Math.max(0, (partial.record()?.totalBytes ?? 0) - partial.bytes());
  if (available <= reserveBytes / 2) await partial.discard();
  return code === 'DiskFull' ? error : diskFull(folder, missing, reserveBytes, available);
}

/** Ends early where the signal aborts. */
async function pause(ms: number, { clock, signal }: DownloadOptions): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = clock.after(ms, resolve);
  const end = () => resolve();
  signal.addEventListener('abort', end);
  await promise;
  signal.removeEventListener('abort', end);
  stop();
}
