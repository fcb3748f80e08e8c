import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { ImageSource } from '../machine/compile.ts';
import { sourceKey } from '../machine/compile.ts';
import type { Images, ReadyImage } from '../ports.ts';
import { createBases } from './bases.ts';
import { download } from './download.ts';
import { openFolder } from './folder.ts';
import { showUrl } from './http.ts';
import { readRecord } from './partial.ts';
import { createSlots } from './slots.ts';
import { createSources } from './sources.ts';

/** Uplinks are thin: more at once would only make each later. */
const DOWNLOADS_AT_ONCE = 2;
/** How long the newest version that was found counts as the newest: machines are often made several at a time. */
const FRESH_MS = 60_000;
/** How far a download gets between two calls of the listeners: 2 % of it, or this where its size is unknown. */
const NOTICE_BYTES = 16 * 1024 * 1024;

export interface ImagesOptions {
  /** Must exist, and let the user that QEMU runs as pass through. */
  readonly dataDir: string;
  /** What downloads leave free of the disk, for the agent's own store above all. */
  readonly reserveBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What this process has seen of a source. */
interface Track {
  fetching?: { bytes: number; totalBytes?: number | undefined; noticedBytes: number };
  failure?: { readonly code: string; readonly message: string; readonly atMs: number };
  /** Failures in a row, without one in between that got further than any before. */
  attempts: number;
  /** As far as any fetch has got: a server that can't resume brings the same bytes time and again. */
  furthestBytes: number;
  /** When a fetch last ended, by the monotonic clock. */
  endedAtMs?: number;
}

/**
 * Base images from HTTP and HTTPS servers, under `images/` of the data directory.
 *
 * A source with a checksum is `ready` for ever once its content is here, whichever URL it came from. One without
 * is `ready` with the version last taken, without any network, through restarts too: machines that have their
 * disks need no more. `fetch` of such a source asks the server whether there is a newer version, which is for
 * a machine about to get its disk; meanwhile it is `fetching`, and afterwards `ready` again, with the version
 * already here where the server can't be reached or its newer version can't be taken. Within a minute of that
 * `fetch` does nothing.
 */
export function createImages({ dataDir, reserveBytes, clock, random, log }: ImagesOptions): Images {
  const folder = join(resolve(dataDir), 'images');
  const partialFolder = join(folder, 'partial');
  openFolder(folder, 0o755);
  openFolder(partialFolder, 0o700);
  removeLeftovers(folder, partialFolder);
  const bases = createBases(join(folder, 'sha256'));
  const sources = createSources(join(folder, 'sources.json'), log);
  const slots = createSlots(DOWNLOADS_AT_ONCE);
  const tracks = new Map<string, Track>();
  const running = new Set<Promise<void>>();
  const listeners: ((source: ImageSource) => void)[] = [];
  const stop = new AbortController();

  const findBase = (source: ImageSource): ReadyImage | undefined => {
    const sha256 = source.sha256 ?? sources.get(sourceKey(source))?.sha256;
    return sha256 === undefined ? undefined : bases.find(sha256);
  };
  const notify = (source: ImageSource) => {
    for (const listener of listeners) listener(source);
  };

  const noteProgress = (source: ImageSource, track: Track, bytes: number, totalBytes: number | undefined) => {
    const noticedBytes = track.fetching?.noticedBytes ?? 0;
    const isNotable =
      Math.abs(bytes - noticedBytes) >= (totalBytes === undefined ? NOTICE_BYTES : totalBytes / 50);
    track.fetching = { bytes, totalBytes, noticedBytes: isNotable ? bytes : noticedBytes };
    if (isNotable) notify(source);
  };

  const run = async (source: ImageSource, track: Track): Promise<void> => {
    const url = showUrl(source.url);
    try {
      log.info({ url }, 'fetching an image');
      await download(source, {
        folder: partialFolder,
        bases,
        sources,
        clock,
        random,
        log,
        reserveBytes,
        signal: stop.signal,
        progress(bytes, totalBytes) {
          if (bytes > track.furthestBytes) {
            track.furthestBytes = bytes;
            track.attempts = 0;
          }
          noteProgress(source, track, bytes, totalBytes);
        },
      });
      track.attempts = 0;
      track.furthestBytes = 0;
      delete track.failure;
      log.info({ url }, 'the image is ready');
    } catch (error) {
      if (stop.signal.aborted) return;
      const code = error instanceof EffectError ? error.code : 'FetchFailed';
      track.attempts += 1;
      track.failure = { code, message: messageOf(error), atMs: clock.monotonic() };
      const outcome = findBase(source) === undefined ? '' : ': the version that is here serves';
      log.warn({ url, code, error: messageOf(error) }, `fetching the image failed${outcome}`);
    }
  };

  return {
    observe(source) {
      const track = tracks.get(sourceKey(source));
      if (track?.fetching !== undefined) {
        const { bytes, totalBytes } = track.fetching;
        return { state: 'fetching', bytes, ...(totalBytes === undefined ? {} : { totalBytes }) };
      }
      const base = findBase(source);
      if (base !== undefined) return { state: 'ready', ...base };
      if (track?.failure !== undefined)
        return { state: 'failed', ...track.failure, attempts: track.attempts };
      return { state: 'absent' };
    },

    fetch(source) {
      const key = sourceKey(source);
      const track = tracks.get(key) ?? { attempts: 0, furthestBytes: 0 };
      if (stop.signal.aborted || track.fetching !== undefined) return;
      if (findBase(source) !== undefined) {
        const isFresh = track.endedAtMs !== undefined && clock.monotonic() - track.endedAtMs < FRESH_MS;
        if (source.sha256 !== undefined || isFresh) return;
      }
      tracks.set(key, track);
      track.fetching = { bytes: 0, noticedBytes: 0 };
      const job = slots
        .run(() => run(source, track))
        .finally(() => {
          delete track.fetching;
          track.endedAtMs = clock.monotonic();
          running.delete(job);
          if (!stop.signal.aborted) notify(source);
        });
      running.add(job);
    },

    onChange(listener) {
      listeners.push(listener);
    },

    async close() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

/** Removes what a killed agent left unfinished in a way that nothing can resume. */
function removeLeftovers(folder: string, partialFolder: string): void {
  rmSync(join(folder, 'sources.json.new'), { force: true });
  for (const name of readdirSync(partialFolder)) {
    const path = join(partialFolder, name);
    rmSync(join(path, 'partial.json.new'), { force: true });
    if (readRecord(path) === undefined) rmSync(path, { recursive: true, force: true });
  }
}
