import type { ImageSource } from '../../agent/machine/compile.ts';
import { sourceKey } from '../../agent/machine/compile.ts';
import type { Images, ImageStatus, ReadyImage } from '../../agent/images-port.ts';
import type { Clock } from '../../shared/ports.ts';
import type { Life } from './life.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Where images come from. */
export interface ImageServer {
  isUp: boolean;
  /** The SHA-256 of what it has at each URL. */
  readonly contents: Map<string, string>;
}

/** What a box has of images: they outlive the agent. */
export interface ImageFolder {
  /** By `sourceKey`. */
  readonly ready: Map<string, ReadyImage>;
}

interface SimImagesOptions {
  readonly server: ImageServer;
  readonly folder: ImageFolder;
  readonly life: Life;
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** How long a fetch takes, in milliseconds. */
  readonly fetchMs: readonly [least: number, most: number];
}

interface Track {
  fetching: boolean;
  attempts: number;
  failure?: { readonly code: string; readonly message: string; readonly atMs: number };
}

/** `Images` from a server that is only thought up. */
export function createSimImages(options: SimImagesOptions): Images {
  const { server, folder, life, clock, random, fetchMs } = options;
  const tracks = new Map<string, Track>();
  const listeners: ((source: ImageSource) => void)[] = [];
  let closed = false;

  function take(source: ImageSource, track: Track): void {
    const sha256 = server.isUp ? server.contents.get(source.url) : undefined;
    const fail = (code: string, message: string) => {
      track.attempts += 1;
      track.failure = { code, message, atMs: clock.monotonic() };
    };
    if (sha256 === undefined) fail('FetchFailed', `${source.url} can't be fetched`);
    else if (source.sha256 !== undefined && source.sha256 !== sha256)
      fail('ChecksumMismatch', `${source.url} has another checksum`);
    else {
      track.attempts = 0;
      delete track.failure;
      const path = `images/${sha256}`;
      folder.ready.set(sourceKey(source), { path, sha256, format: 'qcow2', virtualBytes: 2 ** 30 });
    }
  }

  return {
    observe(source): ImageStatus {
      const track = tracks.get(sourceKey(source));
      if (track?.fetching === true) return { state: 'fetching', bytes: 0 };
      const ready = folder.ready.get(sourceKey(source));
      if (ready !== undefined) return { state: 'ready', ...ready };
      if (track?.failure !== undefined)
        return { state: 'failed', ...track.failure, attempts: track.attempts };
      return { state: 'absent' };
    },
    fetch(source) {
      const track = tracks.get(sourceKey(source)) ?? { fetching: false, attempts: 0 };
      const isKept = source.sha256 !== undefined && folder.ready.has(sourceKey(source));
      if (closed || track.fetching || isKept) return;
      life.step();
      tracks.set(sourceKey(source), track);
      track.fetching = true;
      life.after(random.between(...fetchMs), 'fetching an image', () => {
        if (closed) return;
        life.step();
        track.fetching = false;
        take(source, track);
        for (const listener of listeners) listener(source);
      });
    },
    upload: async () => {
      throw new Error('nothing is uploaded in the simulated world');
    },
    retain() {},
    onNotice() {},
    onChange(listener) {
      listeners.push(listener);
    },
    async close() {
      closed = true;
    },
  };
}
