import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { askGuest, createWorld } from './world.ts';

describe('a manifest given to the hub', () => {
  let world: World;
  let uid: string;
  let port: number;

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.create('pos', 'edge-1', { userData: '#!/bin/sh\necho marker-$((40 + 2))\n' });
    await world.untilStatus('pos', 'Running');
    uid = (await world.machine('pos')).metadata.uid ?? '';
    port = await world.port('pos');
  });
  afterAll(() => world.close());

  test('boots a guest that answers HTTP under its name, from its own disk, with its seed', async () => {
    const guest = await world.guest(port);
    expect(guest).toMatchObject({ hostname: 'pos', instanceId: uid, boots: 1 });
    expect(world.console('edge-1', uid)).toContain('marker-42');
  });

  test('shows in kubectl get as a table, on its device', async () => {
    const table = await world.kubectl('get', 'vm,vmi');
    expect(table).toMatch(/NAME +AGE +STATUS +READY +DEVICE\n.*\/pos +\S+ +Running +True +edge-1/);
    expect(table).toMatch(/NAME +AGE +PHASE +IP +NODENAME +READY\n.*\/pos +\S+ +Running +.*edge-1 +True/);
    expect(await world.kubectl('get', 'devices')).toMatch(/edge-1 +True +1 +0 +tcg/);
  });

  test('shows in kubectl describe with what happened to it', async () => {
    const text = await world.kubectl('describe', 'vm', 'pos');
    expect(text).toMatch(/Printable Status: +Running/);
    expect(text).toMatch(/Normal +Started/);
  });

  test("says the guest's address once its agent answers", async () => {
    await waitFor('the address', async () => {
      const [network] = (await world.instance('pos')).status?.interfaces ?? [];
      return network?.ipAddress === '10.0.2.2' && network.infoSource === 'domain, guest-agent';
    });
    const { status } = await world.machine('pos');
    expect(status?.conditions?.find(({ type }) => type === 'AgentConnected')?.status).toBe('True');
  });

  test('is shut down through ACPI when it is patched to Halted, and comes back from the same disk', async () => {
    await world.kubectl('patch', 'vm', 'pos', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Halted"}}');
    await world.untilStatus('pos', 'Stopped');
    expect(world.console('edge-1', uid)).toContain('holdfast-guest: power button pressed');
    expect(world.qemus('edge-1')).toEqual([]);
    expect((await world.tryKubectl(['get', 'vmi', 'pos'])).stderr).toContain('NotFound');

    await world.kubectl('patch', 'vm', 'pos', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Always"}}');
    await world.untilStatus('pos', 'Running');
    expect(await world.port('pos')).toBe(port);
    const guest = await world.guest(port);
    expect(guest.boots).toBe(2);
  });

  test('is restarted when its QEMU dies, from the same disk', async () => {
    const [before] = world.qemus('edge-1');
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await waitFor('another boot', async () => (await askGuest(port)).boots === 3);
    expect(world.qemus('edge-1')).toHaveLength(1);
    const reasons = (await world.events('pos')).map(({ reason }) => reason);
    expect(reasons.slice(-2)).toEqual(['Failed', 'Started']);
  });

  test('is gone with its disks when it is deleted', async () => {
    await world.kubectl('delete', 'vm', 'pos');
    expect((await world.tryKubectl(['get', 'vm,vmi'])).stdout).toBe('');
    expect(world.qemus('edge-1')).toEqual([]);
    expect(() => world.console('edge-1', uid)).toThrow('ENOENT');
  });
});
