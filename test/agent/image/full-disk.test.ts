import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fetched, setUp, until } from './setup.ts';

const MIB = 1024 * 1024;

/** A disk of 8 MiB, gone after the test; undefined where this user may not mount. */
function mountSmallDisk(): { readonly path: string; unmount(): void } | undefined {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'holdfast-test', path], { stdio: 'pipe' });
  } catch {
    rmdirSync(path);
    return undefined;
  }
  return {
    path,
    unmount() {
      execFileSync('umount', [path]);
      rmdirSync(path);
    },
  };
}

const trial = mountSmallDisk();
trial?.unmount();

// Where file systems can't be mounted (no root), these can't be run.
describe.skipIf(trial === undefined)('a small disk', () => {
  const setUpOnDisk = async (reserveBytes: number) => {
    const disk = mountSmallDisk();
    if (disk === undefined) throw new Error('mounting worked before');
    onTestFinished(() => disk.unmount());
    const free = () => statfsSync(disk.path).bavail * statfsSync(disk.path).bsize;
    return { free, ...(await setUp({ dataDir: disk.path, reserveBytes })) };
  };

  test('an image that is known not to fit is not begun', async () => {
    const { server, images, free } = await setUpOnDisk(MIB);
    server.files.set('/a', { content: randomBytes(7.5 * MIB) });
    const status = await fetched(images, { url: server.url('/a') });
    expect(status).toMatchObject({ state: 'failed', code: 'DiskFull' });
    expect((status as { message: string }).message).toMatch(
      /7\.5 MiB is needed, 1 MiB must stay free, .* is available/,
    );
    expect(free()).toBeGreaterThan(7.5 * MIB);
    server.files.set('/b', { content: randomBytes(5 * MIB) });
    expect(await fetched(images, { url: server.url('/b') })).toMatchObject({ state: 'ready' });
  });

  test('one of unknown size that fills the disk is deleted, which leaves room for everything else', async () => {
    const { server, images, free } = await setUpOnDisk(0);
    server.files.set('/a', { content: randomBytes(20 * MIB), noLength: true });
    const status = await fetched(images, { url: server.url('/a') });
    expect(status).toMatchObject({ state: 'failed', code: 'DiskFull' });
    expect((status as { message: string }).message).toContain('an unknown size is needed');
    expect(free()).toBeGreaterThan(7.5 * MIB);
  });

  test('a part that leaves half of the reserve free is kept, and goes on when there is room again', async () => {
    const { server, images, dataDir } = await setUpOnDisk(2 * MIB);
    const content = randomBytes(4 * MIB);
    server.files.set('/a', { content, etag: '"1"', stallAfter: 2 * MIB });
    const source = { url: server.url('/a') };
    await fetched(images, source);
    server.files.set('/a', { content, etag: '"1"' });
    const filler = join(dataDir, 'filler');
    writeFileSync(filler, randomBytes(4 * MIB));
    images.fetch(source);
    expect(await until(images, source, ({ state }) => state === 'failed')).toMatchObject({
      code: 'DiskFull',
    });
    rmSync(filler);
    images.fetch(source);
    await until(images, source, ({ state }) => state === 'ready');
    expect(server.requests.map(({ status }) => status)).toEqual([200, 206, 206]);
    expect(server.requests[2]?.range).toBe(server.requests[1]?.range);
  });

  test('what nothing uses makes room, where it is known what is used', async () => {
    const { server, images, dataDir, open } = await setUpOnDisk(MIB);
    server.files.set('/a', { content: randomBytes(4 * MIB) });
    server.files.set('/b', { content: randomBytes(4 * MIB) });
    expect(await fetched(images, { url: server.url('/a') })).toMatchObject({ state: 'ready' });
    await images.close();
    const next = open();
    const wanted = { url: server.url('/b') };
    expect(await fetched(next, wanted)).toMatchObject({ state: 'failed', code: 'DiskFull' });
    const notices: string[] = [];
    next.onNotice(({ message }) => notices.push(message));
    next.retain([wanted]);
    expect(await fetched(next, wanted)).toMatchObject({ state: 'ready' });
    expect(notices).toMatchObject([expect.stringContaining('(4 MiB) was deleted: nothing uses it')]);
    expect(readdirSync(join(dataDir, 'images/sha256'))).toHaveLength(1);
  });
});
