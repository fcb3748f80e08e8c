import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHoldfast } from '../tools/holdfast.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { GuestAnswer, World } from './world.ts';
import { createWorld, sequenceOf } from './world.ts';

describe('a box without its hub', () => {
  let world: World;
  let port: number;
  let before: GuestAnswer;
  let pid: number | undefined;
  let cutAtMs: number;
  let backAtMs: number;

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.create('pos', 'edge-1');
    await world.create('video', 'edge-1', { runStrategy: 'Halted' });
    await world.untilStatus('pos', 'Running');
    port = await world.port('pos');
    before = await world.guest(port);
    pid = world.qemus('edge-1')[0]?.pid;
    cutAtMs = Date.now();
    await world.end('hub', 'SIGKILL');
    await waitFor('the link to be down', async () => (await world.status('edge-1')).link.state === 'down');
  });
  afterAll(() => world.close());

  test('keeps its machine running: same process, same boot, rising uptime', async () => {
    const guest = await waitFor('a later uptime', async () => {
      const answer = await world.guest(port);
      return answer.uptimeSeconds > before.uptimeSeconds + 1 ? answer : undefined;
    });
    expect(guest.bootId).toBe(before.bootId);
    expect(world.qemus('edge-1').map((qemu) => qemu.pid)).toEqual([pid]);
    expect(world.service('edge-1')?.exitCode()).toBeNull();
  });

  test('takes orders on the box, and says since when the link is down and what waits to be sent', async () => {
    const order = async (...args: string[]) => {
      const done = await runHoldfast(['vm', ...args, '--data-dir', world.agentDir('edge-1')]);
      expect(done).toMatchObject({ code: 0, stderr: '' });
    };
    await order('start', 'video', '--reason', 'the hub is away');
    await order('stop', 'default/video', '--reason', 'enough');
    const status = await world.status('edge-1');
    expect(status.link.state).toBe('down');
    expect(Date.parse(status.link.since)).toBeGreaterThanOrEqual(cutAtMs - 1000);
    expect(status.outbox.pending).toBeGreaterThanOrEqual(5);
    const phases = Object.fromEntries(status.machines.map(({ name, phase }) => [name, phase]));
    expect(phases).toEqual({ pos: 'Running', video: 'Stopped' });
    expect(status.machines.find(({ name }) => name === 'pos')?.pid).toBe(pid);
  });

  test('gets what was changed at the hub meanwhile when it is back, and has lost nothing of its own', async () => {
    // The hub comes back on a box that is cut off: this change can't reach it yet.
    await world.end('edge-1', 'SIGKILL');
    backAtMs = Date.now();
    await world.startHub();
    await world.kubectl('patch', 'vm', 'pos', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Halted"}}');
    // A hub that starts gives its devices a moment to come back before it says that it does not know.
    await world.untilStatus('pos', 'Unknown');
    const connected = await world.kubectl(
      'get',
      'device',
      'edge-1',
      '-o',
      'jsonpath={.status.conditions[0].status}',
    );
    expect(connected).not.toBe('True');

    world.startAgent('edge-1');
    await world.untilStatus('pos', 'Stopped');
    expect(world.qemus('edge-1')).toEqual([]);
    await waitFor('an empty outbox', async () => (await world.status('edge-1')).outbox.pending === 0);
  });

  test('has its events at the hub once each, in order, with the times at which they happened', async () => {
    const events = await world.events('video');
    const reasons = events.map(({ reason }) => reason);
    expect(reasons).toEqual(['LocalOrder', 'Started', 'LocalOrder', 'ShutdownRequested', 'Stopped']);
    const times = events.map(({ eventTime }) => Date.parse(eventTime ?? ''));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(cutAtMs);
    expect(times.at(-1)).toBeLessThan(backAtMs);
    for (const event of events)
      expect(Date.parse(event.metadata.creationTimestamp ?? '') + 1000).toBeGreaterThan(backAtMs);

    const all = [...events, ...(await world.events('pos'))].map(sequenceOf);
    expect(new Set(all).size).toBe(all.length);
    expect((await world.events('pos')).map(({ reason }) => reason)).toEqual([
      'Started',
      'ShutdownRequested',
      'Stopped',
    ]);
  });

  test('shows an order that still holds as a condition at the hub', async () => {
    const done = await runHoldfast([
      'vm',
      'start',
      'video',
      '--no-wait',
      '--data-dir',
      world.agentDir('edge-1'),
    ]);
    expect(done.code).toBe(0);
    await waitFor('the condition', async () => {
      const { status } = await world.machine('video');
      return status?.conditions?.some(
        ({ type, message }) => type === 'LocalOverride' && message?.startsWith('a start'),
      );
    });
  });

  test('ends when it is told to, though its hub is frozen in the middle of a word', async () => {
    process.kill(world.service('hub')?.pid ?? 0, 'SIGSTOP');
    try {
      const stop = ['vm', 'stop', 'video', '--reason', 'a test', '--no-wait'];
      await runHoldfast([...stop, '--data-dir', world.agentDir('edge-1')]);
      await waitFor('something that is owed', async () => (await world.status('edge-1')).outbox.pending > 0);
      await world.end('edge-1');
      expect(world.service('edge-1')?.exitCode()).toBe(0);
    } finally {
      process.kill(world.service('hub')?.pid ?? 0, 'SIGCONT');
    }
  });
});
