import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHoldfast } from '../tools/holdfast.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { GuestAnswer, World } from './world.ts';
import { createWorld } from './world.ts';

describe('an agent that has lost its store, with its hub out of reach', () => {
  let world: World;
  let port: number;
  let before: GuestAnswer;
  let pid: number | undefined;
  const box = () => world.agentDir('edge-1');
  const machineFolder = async (name: string) => {
    const { uid } = (await world.localMachine('edge-1', name)) ?? {};
    return join(box(), 'machines', uid ?? '');
  };
  const order = async (...args: string[]) => {
    const done = await runHoldfast(['vm', ...args, '--data-dir', box()]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
  };
  /** What the box says of its machines, once each was looked at. */
  const states = async () =>
    waitFor('every machine to be looked at', async () => {
      const { machines, link } = await world.status('edge-1');
      expect(link.state).toBe('down');
      const told = machines.map(({ name, state }) => `${name} ${state}`).sort();
      return (
        told.length > 0 && machines.every(({ state }) => !/Pending|Unknown|Starting/.test(state)) && told
      );
    });
  function deleteStore(): void {
    for (const name of readdirSync(box())) {
      if (/^agent\.db(-wal|-shm)?$/.test(name)) rmSync(join(box(), name));
    }
  }

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    for (const name of ['pos', 'video', 'till', 'gone'])
      await world.create(name, 'edge-1', { graceSeconds: 0 });
    for (const name of ['pos', 'video', 'till', 'gone']) await world.untilStatus(name, 'Running');
    port = await world.port('pos');
    before = await world.guest(port);
    await world.kubectl('patch', 'vm', 'video', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Halted"}}');
    await world.untilStatus('video', 'Stopped');
    await world.kubectl('delete', 'vm', 'gone');
    await world.end('hub', 'SIGKILL');
    await order('stop', 'till', '--reason', 'its drawer is jammed');
    pid = world.qemus('edge-1')[0]?.pid;
    await world.end('edge-1', 'SIGKILL');
    expect(world.qemus('edge-1')).toHaveLength(1);
  });
  afterAll(() => world.close());

  test('to garbage, takes its machines over as they were, and restarts none', async () => {
    // Its journal alone would have brought it back.
    for (const file of ['agent.db', 'agent.db-wal'])
      writeFileSync(join(box(), file), 'not what it was '.repeat(1_000));
    world.startAgent('edge-1');
    expect(await states()).toEqual(['pos Running', 'till Stopped', 'video Stopped']);
    expect(world.qemus('edge-1').map((qemu) => qemu.pid)).toEqual([pid]);
    expect((await world.localMachine('edge-1', 'pos'))?.pid).toBe(pid);
    expect((await world.guest(port)).bootId).toBe(before.bootId);
    expect((await world.localMachine('edge-1', 'till'))?.message).toContain('its drawer is jammed');
    expect(readdirSync(box())).toContain('agent.db.corrupt-1');
    expect(world.service('edge-1')?.log()).toContain('the store was lost');
  });

  test('goes on taking orders for them', async () => {
    await order('stop', 'pos', '--reason', 'a test');
    expect(await states()).toEqual(['pos Stopped', 'till Stopped', 'video Stopped']);
    await order('start', 'pos', '--reason', 'a test');
    expect(await states()).toEqual(['pos Running', 'till Stopped', 'video Stopped']);
    expect((await world.guest(port)).boots).toBe(before.boots + 1);
  });

  test('to a power cut, starts what ran from its disk, and only that', async () => {
    await world.cutPower('edge-1');
    deleteStore();
    world.startAgent('edge-1');
    expect((await world.guest(port)).boots).toBe(before.boots + 2);
    expect(await states()).toEqual(['pos Running', 'till Stopped', 'video Stopped']);
    expect(world.qemus('edge-1')).toHaveLength(1);
  });

  test('together with what was kept of a machine, shows it and leaves it running', async () => {
    rmSync(join(await machineFolder('pos'), 'machine.json'));
    const [running] = world.qemus('edge-1');
    await world.end('edge-1', 'SIGKILL');
    deleteStore();
    world.startAgent('edge-1');
    expect(await states()).toEqual(['pos Running', 'till Stopped', 'video Stopped']);
    const pos = await world.localMachine('edge-1', 'pos');
    expect(pos).toMatchObject({ namespace: 'default', pid: running?.pid });
    expect(pos?.message).toMatch(/^known from its folder only/);
  });

  test('agrees with the hub when that is back, and nothing is restarted', async () => {
    const [running] = world.qemus('edge-1');
    const { bootId } = await world.guest(port);
    await world.startHub();
    await waitFor('the box to hold what the hub desires', async () => {
      const { desired, outbox } = await world.status('edge-1');
      return desired.generation > 0 && outbox.pending === 0;
    });
    await world.untilStatus('pos', 'Running');
    await waitFor('the description', async () => {
      return (await world.localMachine('edge-1', 'pos'))?.message === 'the guest runs';
    });
    await world.untilStatus('video', 'Stopped');
    expect(world.qemus('edge-1')).toEqual([running]);
    expect((await world.guest(port)).bootId).toBe(bootId);
    const till = await world.localMachine('edge-1', 'till');
    expect(till).toMatchObject({
      state: 'Stopped',
      override: { verb: 'stop', reason: 'its drawer is jammed' },
    });
    const told = await waitFor('the events of the box', async () => {
      const events = await world.events('edge-1');
      return events.filter(({ reason }) => reason === 'StoreLost').length > 0 && events;
    });
    expect(told.map(({ message }) => message).join('\n')).toContain('agent.db was gone');
    const names = (await world.get<{ items: { metadata: { name: string } }[] }>('vm')).items;
    expect(names.map(({ metadata }) => metadata.name).sort()).toEqual(['pos', 'till', 'video']);
  });
});
