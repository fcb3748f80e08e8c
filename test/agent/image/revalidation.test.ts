import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256Of } from './image-server.ts';
import { fetched, hasteClock, setUp, until } from './setup.ts';

const FIRST = randomBytes(100_000);
const SECOND = randomBytes(100_000);

/** A clock whose monotonic time can be put forward. */
function shiftingClock() {
  const clock = hasteClock(30);
  let shiftMs = 0;
  return {
    clock: { ...clock, monotonic: () => clock.monotonic() + shiftMs },
    pass: (ms: number) => void (shiftMs += ms),
  };
}

test.each(['etag', 'lastModified'] as const)('a newer version shows by its %s', async (validator) => {
  const { clock, pass } = shiftingClock();
  const { server, dataDir, images, open } = await setUp({ clock });
  const [one, two] =
    validator === 'etag'
      ? ['"1"', '"2"']
      : ['Mon, 06 Jul 2026 10:00:00 GMT', 'Tue, 07 Jul 2026 10:00:00 GMT'];
  server.files.set('/a', { content: FIRST, [validator]: one });
  const source = { url: server.url('/a') };
  expect(await fetched(images, source)).toMatchObject({ state: 'ready', sha256: sha256Of(FIRST) });

  // Within a minute nothing is asked.
  images.fetch(source);
  expect(images.observe(source).state).toBe('ready');
  expect(server.requests).toHaveLength(1);

  pass(61_000);
  images.fetch(source);
  expect(images.observe(source)).toEqual({ state: 'fetching', bytes: 0 });
  expect(await until(images, source, ({ state }) => state === 'ready')).toMatchObject({
    sha256: sha256Of(FIRST),
  });
  expect(server.requests.at(-1)?.status).toBe(304);
  expect(readdirSync(join(dataDir, 'images/partial'))).toEqual([]);

  server.files.set('/a', { content: SECOND, [validator]: two });
  const reopened = open();
  expect(reopened.observe(source)).toMatchObject({ state: 'ready', sha256: sha256Of(FIRST) });
  expect(await fetched(reopened, source)).toMatchObject({ state: 'ready', sha256: sha256Of(SECOND) });
  // Machines whose disks lie over the older version still have it.
  expect(reopened.observe({ url: 'x:', sha256: sha256Of(FIRST) }).state).toBe('ready');
});

test('where the server can not be reached, or has something worse, what is here serves', async () => {
  const { clock, pass } = shiftingClock();
  const { server, images, log } = await setUp({ clock });
  server.files.set('/a', { content: FIRST, etag: '"1"' });
  const source = { url: server.url('/a') };
  await fetched(images, source);
  const worse = [
    { content: FIRST, status: 503 },
    { content: Buffer.alloc(0), etag: '"2"' },
    { content: SECOND, etag: '"3"', noRanges: true, cutAfter: 1000 },
  ];
  for (const file of worse) {
    pass(61_000);
    server.files.set('/a', file);
    expect(await fetched(images, source)).toMatchObject({ state: 'ready', sha256: sha256Of(FIRST) });
  }
  pass(61_000);
  await server.stop();
  expect(await fetched(images, source)).toMatchObject({ state: 'ready', sha256: sha256Of(FIRST) });
  expect(log.lines.filter((line) => line.includes('the version that is here serves'))).toHaveLength(4);
});
