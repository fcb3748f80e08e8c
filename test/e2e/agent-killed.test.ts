import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGuestImage } from '../tools/image-store.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

/** How often the agent is killed, each time a random part of a second after its start. */
const KILLS = 10;
const LONGEST_LIFE_MS = 2_500;
/** Appended to a qcow2 image, these bytes are never read by a guest, and make it worth resuming. */
const PADDING_BYTES = 24 * 1024 * 1024;
const SLOW_BYTES_PER_SECOND = 6 * 1024 * 1024;

describe('an agent killed again and again', () => {
  let world: World;
  let checksum: string;

  beforeAll(async () => {
    world = await createWorld();
    checksum = world.images.add(
      'padded.qcow2',
      Buffer.concat([readGuestImage(), randomBytes(PADDING_BYTES)]),
    );
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
  });
  afterAll(() => world.close());

  test('never starts a second QEMU, never restarts a guest, and goes on with its download', async () => {
    await world.create('steady', 'edge-1');
    await world.untilStatus('steady', 'Running');
    const port = await world.port('steady');
    const { bootId } = await world.guest(port);
    const [steady] = world.qemus('edge-1');
    expect(steady).toBeDefined();

    world.images.setSpeed(SLOW_BYTES_PER_SECOND);
    await world.create('fetched', 'edge-1', { url: world.images.url('padded.qcow2'), checksum });
    const seen = new Map<string, Set<number>>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const endMs = Date.now() + randomInt(LONGEST_LIFE_MS);
      while (Date.now() < endMs) {
        noteQemus(world, seen);
        await sleep(20);
      }
      await world.end('edge-1', 'SIGKILL');
      // A machine that is started again and again is killed in the middle of its start, too.
      if (kill === KILLS / 2) await world.create('started', 'edge-1');
      world.startAgent('edge-1');
    }

    world.images.setSpeed(0);
    for (const name of ['steady', 'fetched', 'started']) {
      await world.untilStatus(name, 'Running');
      const guest = await world.guest(await world.port(name));
      expect(guest, name).toMatchObject({ hostname: name, boots: 1 });
    }
    noteQemus(world, seen);
    expect((await world.guest(port)).bootId).toBe(bootId);
    expect([...seen.values()].map((pids) => pids.size)).toEqual([1, 1, 1]);
    expect(seen.get(steady?.uid ?? '')).toEqual(new Set([steady?.pid]));
    expect(world.images.ranges).toContainEqual(expect.stringMatching(/^bytes=[1-9]/));
  });
});

/** Notes every QEMU of each machine; two at once, or one after another, show as two pids. */
function noteQemus(world: World, seen: Map<string, Set<number>>): void {
  for (const { uid, pid } of world.qemus('edge-1')) {
    const pids = seen.get(uid) ?? new Set();
    seen.set(uid, pids.add(pid));
  }
}
