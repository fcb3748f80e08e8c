import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ImagesOptions } from '../../../agent/image/images.ts';
import { createImages } from '../../../agent/image/images.ts';
import type { ImageSource } from '../../../agent/machine/compile.ts';
import type { Images, ImageStatus } from '../../../agent/images-port.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { Clock, Log } from '../../../shared/ports.ts';
import { startImageServer } from './image-server.ts';
import { PLAIN_LIMITS } from './plain-limits.ts';

/** Time that passes so many times as fast in waits; what the clock says stays true. */
export function hasteClock(factor: number): Clock {
  const clock = createClock();
  return { ...clock, after: (ms, run) => clock.after(ms / factor, run) };
}

/** Keeps what is logged, as text. */
export function createKeptLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (fields: object, message: string) => void lines.push(`${JSON.stringify(fields)} ${message}`);
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-image-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An image store in a folder of its own and a server, both gone after the test; waits pass 30 times as fast. */
export async function setUp(options: Partial<ImagesOptions> = {}) {
  const server = await startImageServer();
  onTestFinished(() => server.stop());
  const dataDir = options.dataDir ?? (await temporaryFolder());
  const log = createKeptLog();
  const open = () => {
    const images = createImages({
      dataDir,
      reserveBytes: 0,
      ...PLAIN_LIMITS,
      clock: hasteClock(30),
      random: createRandom(),
      log,
      ...options,
    });
    onTestFinished(() => images.close());
    return images;
  };
  return { server, dataDir, log, open, images: open() };
}

/** The first status that fits; its kind fails the test where it does not come within 20 s. */
export async function until(
  images: Images,
  source: ImageSource,
  fits: (status: ImageStatus) => boolean,
): Promise<ImageStatus> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const status = images.observe(source);
    if (fits(status)) return status;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(status)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Fetches and waits for the end. */
export async function fetched(images: Images, source: ImageSource): Promise<ImageStatus> {
  images.fetch(source);
  return until(images, source, ({ state }) => state !== 'fetching' && state !== 'absent');
}
