import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { ImageSource } from '../machine/image-source.ts';
import { sourceKey } from '../machine/image-source.ts';
import type { ImageNotice, Images, ReadyImage } from '../images-port.ts';
import { createBases } from './bases.ts';
import { createCollector } from './collector.ts';
import type { DownloadOptions } from './download.ts';
import { download, showSource } from './download.ts';
import type { RegistrySettings } from './fetched.ts';
import { openFolder } from './folder.ts';
import { readRecord } from './partial.ts';
import { createSlots } from './slots.ts';
import { createSources } from './sources.ts';
import { takeUpload } from './upload.ts';

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
  /** What kept images may take before unused ones are deleted. */
  readonly budgetBytes: number;
  /** What one image may be, in the file and as the guest sees it. */
  readonly largestBytes: number;
  /** The words before a command that make it run as the user QEMU runs as; none where there is no such user. */
  readonly runAs: readonly string[];
  readonly registries: RegistrySettings;
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
 * Base images from web servers, registries, disks of the box and uploads, under `images/` of the data directory.
 *
 * A source with a checksum is `ready` for ever once its content is here, whichever URL it came from. One without
 * is `ready` with the version last taken, without any network, through restarts too: machines that have their
 * disks need no more. `fetch` of such a source asks the server whether there is a newer version, which is for
 * a machine about to get its disk; meanwhile it is `fetching`, and afterwards `ready` again, with the version
 * already here where the server can't be reached or its newer version can't be taken. Within a minute of that
 * `fetch` does nothing.
 */
export function createImages(options: ImagesOptions): Images {
  const { clock, log, reserveBytes } = options;
  const dataDir = resolve(options.dataDir);
  const folder = join(dataDir, 'images');
  const partialFolder = join(folder, 'partial');
  openFolder(folder, 0o755);
  // What checks images runs as another user, and has to pass through.
  openFolder(partialFolder, 0o711);
  removeLeftovers(folder, partialFolder);
  const bases = createBases(join(folder, 'sha256'));
  const sources = createSources(join(folder, 'sources.json'), log);
  const slots = createSlots(DOWNLOADS_AT_ONCE);
  const tracks = new Map<string, Track>();
  const running = new Set<Promise<void>>();
  const listeners: ((source: ImageSource) => void)[] = [];
  const noticeListeners: ((notice: ImageNotice) => void)[] = [];
  const stop = new AbortController();

  const collector = createCollector({
    ...options,
    dataDir,
    imagesFolder: folder,
    partialFolder,
    bases,
    sources,
    fetching: () => [...tracks].flatMap(([key, { fetching }]) => (fetching === undefined ? [] : [key])),
    notice(notice) {
      for (const listener of noticeListeners) listener(notice);
    },
  });

  const fetchOptions = (track: Track, source: ImageSource): DownloadOptions => ({
    ...options,
    folder: partialFolder,
    machinesFolder: join(dataDir, 'machines'),
    bases,
    sources,
    reserveBytes,
    signal: stop.signal,
    makeRoom: async (neededBytes) => collector.makeRoom(neededBytes),
    progress(bytes, totalBytes) {
      if (bytes > track.furthestBytes) {
        track.furthestBytes = bytes;
        track.attempts = 0;
      }
      noteProgress(source, track, bytes, totalBytes);
    },
  });

  const findBase = (source: ImageSource): ReadyImage | undefined => {
    const base = bases.serve(source, sources.get(sourceKey(source)));
    if (base !== undefined) collector.giveOut(base);
    return base;
  };
  const notify = (source: ImageSource) => {
    for (const listener of listeners) listener(source);
  };

  function noteProgress(
    source: ImageSource,
    track: Track,
    bytes: number,
    totalBytes: number | undefined,
  ): void {
    const noticedBytes = track.fetching?.noticedBytes ?? 0;
    const isNotable =
      Math.abs(bytes - noticedBytes) >= (totalBytes === undefined ? NOTICE_BYTES : totalBytes / 50);
    track.fetching = { bytes, totalBytes, noticedBytes: isNotable ? bytes : noticedBytes };
    if (isNotable) notify(source);
  }

  async function run(source: ImageSource, track: Track): Promise<void> {
    const url = showSource(source);
    try {
      log.info({ url }, 'fetching an image');
      await download(source, fetchOptions(track, source));
      track.attempts = 0;
      track.furthestBytes = 0;
      delete track.failure;
      findBase(source);
      log.info({ url }, 'the image is ready');
    } catch (error) {
      if (stop.signal.aborted) return;
      const code = error instanceof EffectError ? error.code : 'FetchFailed';
      track.attempts += 1;
      track.failure = { code, message: messageOf(error), atMs: clock.monotonic() };
      const outcome = findBase(source) === undefined ? '' : ': the version that is here serves';
      log.warn({ url, code, error: messageOf(error) }, `fetching the image failed${outcome}`);
    }
  }

  /** Does `work` as the fetch of a source. */
  function begin(source: ImageSource, work: (track: Track) => Promise<void>): Promise<void> {
    const key = sourceKey(source);
    const track = tracks.get(key) ?? { attempts: 0, furthestBytes: 0 };
    tracks.set(key, track);
    track.fetching = { bytes: 0, noticedBytes: 0 };
    const job = work(track).finally(() => {
      delete track.fetching;
      track.endedAtMs = clock.monotonic();
      running.delete(job);
      if (!stop.signal.aborted) notify(source);
    });
    running.add(job);
    return job;
  }

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
      const track = tracks.get(sourceKey(source));
      if (stop.signal.aborted || track?.fetching !== undefined) return;
      if (findBase(source) !== undefined) {
        const isFresh = track?.endedAtMs !== undefined && clock.monotonic() - track.endedAtMs < FRESH_MS;
        // What is on the box itself costs nothing to look at again.
        if (source.sha256 !== undefined || (isFresh && !source.url.startsWith('clone:'))) return;
      }
      void begin(source, (begun) => slots.run(() => run(source, begun)));
    },

    async upload(source, content) {
      const isBusy = tracks.get(sourceKey(source))?.fetching !== undefined;
      if (stop.signal.aborted || isBusy) {
        throw new EffectError('UploadUnderWay', source.url, 'an upload of it is under way already');
      }
      await begin(source, (track) => takeUpload(source, content, fetchOptions(track, source)));
    },

    retain(wanted) {
      collector.retain(wanted);
    },

    onChange(listener) {
      listeners.push(listener);
    },

    onNotice(listener) {
      noticeListeners.push(listener);
    },

    async close() {
      stop.abort();
      await Promise.allSettled([...running, collector.close()]);
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
