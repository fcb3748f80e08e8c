import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ImageNotice, Images } from '../../../agent/images-port.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { fetched, hasteClock, setUp } from './setup.ts';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

/** A box with images of 1 MiB, which a time that can be put forward has passed since. */
async function setUpImages(count: number, budgetBytes: number) {
  const clock = hasteClock(30);
  let shiftMs = 0;
  const shifting = {
    ...clock,
    now: () => clock.now() + shiftMs,
    monotonic: () => clock.monotonic() + shiftMs,
  };
  const world = await setUp({ clock: shifting, budgetBytes });
  const notices: ImageNotice[] = [];
  world.images.onNotice((notice) => notices.push(notice));
  const sources = Array.from({ length: count }, (_, index) => ({ url: world.server.url(`/${index}`) }));
  for (const [index, { url }] of sources.entries()) {
    world.server.files.set(`/${index}`, { content: randomBytes(MIB) });
    expect(await fetched(world.images, { url })).toMatchObject({ state: 'ready' });
    // So that their ages differ, whatever the file system's clock can tell apart.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { ...world, sources, notices, pass: (ms: number) => void (shiftMs += ms) };
}

/** Looked at through another agent's eyes: observing is a use. */
function statesOf(open: () => Images, sources: readonly { url: string }[]) {
  const images = open();
  return sources.map((source) => images.observe(source).state);
}

test('beyond the budget the image unused for longest goes, and none that an entry or a disk needs', async () => {
  const { images, dataDir, sources, notices, pass, open } = await setUpImages(4, 2.5 * MIB);
  const [underDisk, first, named] = sources;
  if (underDisk === undefined || first === undefined || named === undefined) throw new Error('no images');
  const base = images.observe(underDisk);
  const folder = join(dataDir, 'machines/0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e');
  mkdirSync(folder, { recursive: true });
  const path = 'path' in base ? base.path : '';
  execFileSync('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-b',
    path,
    '-F',
    'raw',
    join(folder, 'disk-a.qcow2'),
  ]);

  images.retain([named]);
  pass(HOUR_MS);
  images.retain([named, { url: 'http://images.invalid/another' }]);
  await waitFor('what is unused being deleted', () => notices.length >= 2);
  expect(statesOf(open, sources)).toEqual(['ready', 'absent', 'ready', 'absent']);
  expect(notices).toMatchObject([
    { type: 'Normal', reason: 'ImageDeleted' },
    { type: 'Normal', reason: 'ImageDeleted' },
  ]);
  expect(notices[0]?.message).toMatch(/the image [0-9a-f]{12} \(1 MiB\) was deleted: nothing uses it/);
});

test('before the desired entries are known nothing goes, nor does what a start was just given', async () => {
  const { images, dataDir, sources } = await setUpImages(2, 0);
  const here = () => readdirSync(join(dataDir, 'images/sha256'));
  await images.close();
  expect(here()).toHaveLength(2);
  const giving = await setUp({ dataDir, budgetBytes: 0 });
  for (const source of sources) expect(giving.images.observe(source)).toMatchObject({ state: 'ready' });
  giving.images.retain([]);
  await giving.images.close();
  expect(here()).toHaveLength(2);
  const idle = await setUp({ dataDir, budgetBytes: 0 });
  idle.images.retain([]);
  await idle.images.close();
  expect(here()).toEqual([]);
});
