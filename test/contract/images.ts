import { expect, test } from 'vitest';
import type { ImageSource } from '../../agent/machine/compile.ts';
import type { Images, ImageStatus } from '../../agent/images-port.ts';

/** A world to try an implementation of `Images` in. */
export interface ImagesWorld {
  readonly images: Images;
  /** Makes content available at a URL, with its SHA-256. */
  readonly offer: () => Promise<{ readonly url: string; readonly sha256: string }>;
  /** A URL that can't be fetched until `offerAt` it. */
  readonly missing: () => string;
  readonly offerAt: (url: string) => Promise<void>;
  /** The same box after the agent was started again. */
  readonly reopen: () => Promise<Images>;
}

/** What the agent relies on of its images. Call within a `describe`. */
export function testImages(open: () => Promise<ImagesWorld>): void {
  test('absent until fetched, fetching at once, then ready with its hash', async () => {
    const { images, offer } = await open();
    const source = await offer();
    expect(images.observe(source)).toEqual({ state: 'absent' });
    images.fetch(source);
    expect(images.observe(source).state).toBe('fetching');
    expect(await ended(images, source)).toMatchObject({ state: 'ready', sha256: source.sha256 });
  });

  test('observing starts nothing', async () => {
    const { images, offer } = await open();
    const source = await offer();
    images.observe(source);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(images.observe(source)).toEqual({ state: 'absent' });
  });

  test('a failure says what, when and how often, and is over with the next success', async () => {
    const { images, missing, offerAt } = await open();
    const source = { url: missing() };
    for (const attempts of [1, 2]) {
      images.fetch(source);
      const status = await ended(images, source);
      expect(status).toMatchObject({ state: 'failed', attempts, atMs: expect.any(Number) as number });
      expect(status).toMatchObject({ code: expect.stringMatching(/^[A-Z][A-Za-z]+$/) as string });
      expect((status as { message: string }).message.length).toBeGreaterThan(10);
    }
    await offerAt(source.url);
    images.fetch(source);
    expect(await ended(images, source)).toMatchObject({ state: 'ready' });
  });

  test('a wrong checksum never becomes ready', async () => {
    const { images, offer } = await open();
    const source = { ...(await offer()), sha256: '0'.repeat(64) };
    images.fetch(source);
    expect(await ended(images, source)).toMatchObject({ state: 'failed', code: 'ChecksumMismatch' });
  });

  test('what is ready stays ready through a restart, with and without a checksum', async () => {
    const { images, offer, reopen } = await open();
    const source = await offer();
    for (const each of [source, { url: source.url }]) {
      images.fetch(each);
      await ended(images, each);
    }
    const reopened = await reopen();
    expect(reopened.observe(source)).toMatchObject({ state: 'ready', sha256: source.sha256 });
    expect(reopened.observe({ url: source.url })).toMatchObject({ state: 'ready', sha256: source.sha256 });
  });

  test('listeners hear of the end', async () => {
    const { images, offer } = await open();
    const source = await offer();
    const heard: ImageStatus[] = [];
    images.onChange((changed) => heard.push(images.observe(changed)));
    images.fetch(source);
    await ended(images, source);
    await expect.poll(() => heard.at(-1)?.state).toBe('ready');
  });

  test('after close nothing begins', async () => {
    const { images, offer } = await open();
    const source = await offer();
    await images.close();
    images.fetch(source);
    expect(images.observe(source)).toEqual({ state: 'absent' });
  });
}

async function ended(images: Images, source: ImageSource): Promise<ImageStatus> {
  await expect
    .poll(() => images.observe(source).state, { timeout: 10_000, interval: 5 })
    .not.toBe('fetching');
  return images.observe(source);
}
