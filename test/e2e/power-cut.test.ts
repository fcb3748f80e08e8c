import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

describe('a power cut while the hub is out of reach', () => {
  let world: World;
  const ports = new Map<string, number>();

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    const strategies = { always: 'Always', rerun: 'RerunOnFailure', once: 'Once', halted: 'Halted' };
    for (const [name, runStrategy] of Object.entries(strategies))
      await world.create(name, 'edge-1', { runStrategy });
    for (const name of ['always', 'rerun', 'once']) {
      await world.untilStatus(name, 'Running');
      ports.set(name, await world.port(name));
      await world.guest(ports.get(name) ?? 0);
    }
    await world.end('hub', 'SIGKILL');
    await world.cutPower('edge-1');
    await world.images.close();
    world.startAgent('edge-1');
  });
  afterAll(() => world.close());

  test.each(['always', 'rerun'])(
    '%s comes back from the local store, on its port, with its disk',
    async (name) => {
      const guest = await world.guest(ports.get(name) ?? 0);
      expect(guest).toMatchObject({ hostname: name, boots: 2 });
    },
  );

  test('what should not run does not', async () => {
    const phases = await waitFor('every machine to be looked at', async () => {
      const { machines, link } = await world.status('edge-1');
      expect(link.state).toBe('down');
      return machines.every(({ phase }) => phase !== 'Pending') && machines;
    });
    const told = Object.fromEntries(phases.map(({ name, phase }) => [name, phase]));
    expect(told).toEqual({ always: 'Running', rerun: 'Running', once: 'Failed', halted: 'Stopped' });
    expect(world.qemus('edge-1')).toHaveLength(2);
  });
});
