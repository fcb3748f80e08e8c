import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOLDFAST, runHoldfast } from '../tools/holdfast.ts';
import { openTerminal } from '../tools/session.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { askGuest, createWorld } from './world.ts';

describe('two boxes on one machine', () => {
  let world: World;
  const ports: Record<string, number> = {};

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    for (const device of ['edge-1', 'edge-2']) {
      world.startAgent(device);
      await waitFor(device, () => world.get('device', device));
      await world.create(`pos-${device}`, device);
    }
    for (const device of ['edge-1', 'edge-2']) {
      await world.untilStatus(`pos-${device}`, 'Running');
      ports[device] = await world.port(`pos-${device}`);
      await world.guest(ports[device]);
    }
    await world.end('hub', 'SIGKILL');
  });
  afterAll(() => world.close());

  const vm = (device: string, ...args: string[]) =>
    runHoldfast(['vm', ...args, '--data-dir', world.agentDir(device)]);

  test('have their own processes, ports and names', async () => {
    expect(ports['edge-1']).not.toBe(ports['edge-2']);
    const list = await vm('edge-1', 'list');
    expect(list.stdout).toMatch(/default +pos-edge-1 +Running/);
    expect(list.stdout).not.toContain('pos-edge-2');
    expect((await vm('edge-1', 'stop', 'pos-edge-2', '--reason', 'a mistake')).stderr).toContain(
      'there is no machine "pos-edge-2" on edge-1',
    );
  });

  test('stop, start and restart on one leaves the other alone, with no hub at all', async () => {
    const other = world.qemus('edge-2');
    const [first] = world.qemus('edge-1');
    const stopped = await vm('edge-1', 'stop', 'pos-edge-1', '--reason', 'cleaning the till');
    expect(stopped).toMatchObject({ code: 0 });
    expect(stopped.stdout).toMatch(/Stopped: stopped on the box by \S+: cleaning the till/);
    expect(world.qemus('edge-1')).toEqual([]);
    expect((await vm('edge-1', 'start', 'pos-edge-1')).stdout).toContain('Running');
    expect(await world.guest(ports['edge-1'] ?? 0)).toMatchObject({ boots: 2 });
    expect((await vm('edge-1', 'restart', 'pos-edge-1')).code).toBe(0);
    await waitFor('another boot', async () => (await askGuest(ports['edge-1'] ?? 0)).boots === 3);
    expect(world.qemus('edge-1').map(({ pid }) => pid)).not.toContain(first?.pid);
    expect(world.qemus('edge-2')).toEqual(other);
  });

  test('a second agent with the same data directory is refused', async () => {
    const args = [
      'agent',
      '--data-dir',
      world.agentDir('edge-1'),
      '--name',
      'edge-1',
      '--hub',
      'mqtt://127.0.0.1:1',
    ];
    const { code, stderr } = await runHoldfast(args);
    expect(stderr).toContain('is in use by another process');
    expect(code).toBe(2);
  });

  test('the console shows what the guest writes, takes a login, and runs what is typed', async () => {
    const child = spawn(HOLDFAST, ['vm', 'console', 'pos-edge-2', '--data-dir', world.agentDir('edge-2')]);
    let seen = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
    try {
      await waitFor('the console', () => seen.includes('holdfast-guest: ready'));
      const say = async (text: string, answer: string) => {
        const from = seen.length;
        child.stdin.write(text);
        await waitFor(`"${answer}"`, () => seen.slice(from).includes(answer));
      };
      await say('\n', 'login:');
      await say('root\n', 'Password:');
      await say('holdfast\n', '#');
      await say('echo sum $((20 + 3))\n', 'sum 23');
    } finally {
      child.kill();
    }
  });

  test('a console client that hangs up before there is a console does the agent no harm', async () => {
    const path = join(world.agentDir('edge-1'), 'agent.sock');
    for (let round = 0; round < 20; round += 1) {
      const socket = connect(path);
      await once(socket, 'connect');
      socket.write(
        'GET /console?machine=nobody HTTP/1.1\r\nHost: box\r\nConnection: Upgrade\r\nUpgrade: console\r\n\r\n',
      );
      socket.destroy();
    }
    expect((await world.status('edge-1')).device).toBe('edge-1');
    expect(world.service('edge-1')?.exitCode()).toBeNull();
  });

  test('a grace period that a guest ignores ends with the end of its machine', async () => {
    await fetch(`http://127.0.0.1:${ports['edge-2']}/cgi-bin/hang-shutdown`);
    const watching = openTerminal(`${HOLDFAST} vm console pos-edge-2 --data-dir ${world.agentDir('edge-2')}`);
    await watching.hears(/Connected to pos-edge-2/);
    const { stdout, code } = await vm('edge-2', 'stop', 'pos-edge-2', '--reason', 'it hangs');
    expect(stdout).toContain('Stopped');
    expect(code).toBe(0);
    expect(world.qemus('edge-2')).toEqual([]);
    await watching.hears(/The console of pos-edge-2 has ended: the machine/);
    expect(await watching.ended).toBe(0);
  });
});
