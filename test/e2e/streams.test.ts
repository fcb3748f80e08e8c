import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../tools/holdfast.ts';
import { HOLDFAST, runHoldfast, startService } from '../tools/holdfast.ts';
import type { Session } from '../tools/session.ts';
import { listening } from '../tools/processes.ts';
import { openSession } from '../tools/session.ts';
import { openStreamClient } from '../tools/stream-client.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

/** Streams of a machine as `virtctl` opens them: hub, agent, QEMU and guest, all real. The agent only dials out. */

const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default';
const VMI = `${SUB}/virtualmachineinstances/pos`;
/** More than all buffers between a guest and a client that does not read hold. */
const MUCH_BYTES = 20 * 2 ** 20;
const SERVICE = 8_081;
/** Of a box. */
const MOST_STREAMS = 64;

/** Answers HTTP on a port that no interface declares. */
const USER_DATA = `#!/bin/sh
mkdir -p /tmp/site
echo just a few bytes >/tmp/site/small
dd if=/dev/zero of=/tmp/site/much bs=1M count=20 2>/dev/null
busybox httpd -p ${SERVICE} -h /tmp/site
`;

describe('a machine behind a box that only dials out', () => {
  let world: World;
  let api: string;
  /** The operator's, that go on until they are ended. */
  const commands: Service[] = [];
  const sessions: Session[] = [];
  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1', ['--metrics-listen', '']);
    await waitFor('edge-1', () => world.get('device', 'edge-1'));
    await world.create('pos', 'edge-1', { userData: USER_DATA });
    await world.untilStatus('pos', 'Running');
    await world.guest(await world.port('pos'));
    api = world.addresses()?.api ?? '';
  }, 120_000);
  afterAll(async () => {
    for (const one of commands) await one.end('SIGKILL');
    for (const session of sessions) session.end();
    await world.close();
  });

  const open = (path: string) => openStreamClient(api, path);
  /** One of the operator's, with all that it says. */
  const command = (...words: string[]) => {
    const session = openSession('sh', [
      '-c',
      `exec "$@" 2>&1`,
      '',
      HOLDFAST,
      ...words,
      '--server',
      `http://${api}`,
    ]);
    sessions.push(session);
    return session;
  };
  const descriptors = (name: string) => readdirSync(`/proc/${world.service(name)?.pid}/fd`).length;
  const residentBytes = (name: string) => {
    const status = readFileSync(`/proc/${world.service(name)?.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  };

  test('console: a login, a command, and another client that takes it', async () => {
    const first = await open(`${VMI}/console`);
    first.say('\n');
    await first.says(/login: /);
    first.say('root\n');
    await first.says(/Password: /);
    first.say('holdfast\n');
    await first.says(/~ # /);
    first.say('echo sum-$((20 + 22))\n');
    await first.says(/sum-42/);
    const second = await open(`${VMI}/console`);
    expect(await first.closed).toEqual({ code: 1008, reason: 'the console was opened elsewhere' });
    second.say('echo sum-$((40 + 2))-again\n');
    await second.says(/sum-42-again/);
    second.socket.close();
  });

  test('portforward: HTTP on a declared port and on one that nobody declared, which is then closed again', async () => {
    for (const [port, path, answer] of [
      [80, '/', /"hostname":"pos"/],
      [SERVICE, '/small', /just a few bytes/],
    ] as const) {
      const client = await open(`${VMI}/portforward/${port}/tcp`);
      client.say(`GET ${path} HTTP/1.0\r\n\r\n`);
      await client.says(answer);
      expect(await client.closed).toEqual({ code: 1000, reason: '' });
    }
    const [qemu] = world.qemus('edge-1');
    await waitFor('the port to be closed', () => listening(qemu?.pid).length === 1);
    expect(listening(world.service('edge-1')?.pid)).toEqual([]);
  });

  test('port-forward: any client of TCP, through a port of the operator', async () => {
    const log = `${world.folder}/forward.log`;
    const args = ['port-forward', 'pos', `0:${SERVICE}`, '--server', `http://${api}`];
    const forward = startService(args, log);
    const port = await waitFor(
      'the forward',
      () => /Forwarding 127.0.0.1:(\d+) to pos/.exec(forward.log())?.[1],
    );
    const answers = await Promise.all(
      [1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${port}/small`)).text()),
    );
    expect(answers).toEqual(Array(3).fill('just a few bytes\n'));
    await forward.end('SIGINT');
    const piped = await runHoldfast(
      ['port-forward', '--stdio', 'default/pos', '80', '--server', `http://${api}`],
      { stdin: 'GET / HTTP/1.0\r\n\r\n' },
    );
    expect(piped.stdout).toContain('"hostname":"pos"');
  });

  test('vnc: the display by RFB, another client that takes it or does not, and a picture of it', async () => {
    const first = await open(`${VMI}/vnc`);
    await first.says(/^RFB 003.008\n/);
    await expect(open(`${VMI}/vnc?preserveSession=true`)).rejects.toThrow('Active VNC connection');
    const second = await open(`${VMI}/vnc`);
    await second.says(/^RFB 003.008\n/);
    expect(await first.closed).toMatchObject({ code: 1008, reason: 'the display was opened elsewhere' });
    second.socket.close();
    const answer = await fetch(`http://${api}${VMI}/vnc/screenshot`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png']);
    const png = Buffer.from(await answer.arrayBuffer());
    expect([png.subarray(1, 4).toString(), png.subarray(-8, -4).toString()]).toEqual(['PNG', 'IEND']);
  });

  test('a client that reads nothing costs neither hub nor agent its memory, and gets all in the end', async () => {
    const client = await open(`${VMI}/portforward/${SERVICE}`);
    const before = ['hub', 'edge-1'].map(residentBytes);
    client.socket.pause();
    client.say('GET /much HTTP/1.0\r\n\r\n');
    // Others get through meanwhile.
    const other = await open(`${VMI}/portforward/80`);
    other.say('GET / HTTP/1.0\r\n\r\n');
    await other.says(/"hostname":"pos"/);
    const heldBytes = async () => {
      const [hub = 0, agent = 0] = ['hub', 'edge-1'].map(residentBytes);
      return Math.max(hub - (before[0] ?? 0), agent - (before[1] ?? 0));
    };
    let last = -1;
    await waitFor('no more to be taken in', async () => {
      const held = await heldBytes();
      const settled = held === last;
      last = held;
      return settled;
    });
    expect(await heldBytes()).toBeLessThan(MUCH_BYTES / 2);
    client.socket.resume();
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.heard().length).toBeGreaterThan(MUCH_BYTES);
  });

  test('logs: all, the last lines, since a time, and what comes', async () => {
    const logs = async (...more: string[]) => {
      const { code, stdout, stderr } = await runHoldfast([
        'logs',
        'pos',
        '--server',
        `http://${api}`,
        ...more,
      ]);
      expect([code, stderr]).toEqual([0, '']);
      return stdout;
    };
    const { uid = '' } = (await world.machine('pos')).metadata;
    expect(await logs()).toBe(world.console('edge-1', uid));
    expect(await logs('--since', '1h', '--tail', '2')).toMatch(/^[^\n]*\n[^\n]*\n?$/);
    expect(await logs('--since', '2099-01-01T00:00:00Z', '--timestamps')).toBe('');
    const follow = startService(
      ['logs', '-f', '--tail', '1', 'default/pos', '--server', `http://${api}`],
      `${world.folder}/follow.log`,
    );
    commands.push(follow);
    await waitFor('the last line', () => follow.log() !== '');
    const console = await open(`${VMI}/console`);
    console.say('echo followed-$((1 + 1))\n');
    await console.says(/followed-2/);
    await waitFor('what was written on', () => follow.log().includes('followed-2'));
    console.socket.close();
    await follow.end('SIGINT');
  });

  test('freeze: until it is taken back, or its time is over', async () => {
    const put = async (verb: string, body: string) =>
      world.tryKubectl(['replace', '--raw', `${VMI}/${verb}`, '-f', '-'], body);
    // The last that the guest starts.
    await waitFor("the guest's agent", async () => {
      const { status } = await world.instance('pos');
      return status?.conditions?.some((one) => one.type === 'AgentConnected' && one.status === 'True');
    });
    expect((await put('freeze', '{"unfreezeTimeout":"5m0s"}')).stderr).toBe('');
    expect((await put('unfreeze', '{}')).stderr).toBe('');
    expect((await put('freeze', '{"unfreezeTimeout":"1s"}')).stderr).toBe('');
    await waitFor('the thaw', async () =>
      (await world.events('pos')).some(({ reason }) => reason === 'GuestThawed'),
    );
    const soon = await put('freeze', '{"unfreezeTimeout":"soon"}');
    expect(soon.stderr).toContain('unfreezeTimeout: must be a duration such as 5m0s');
  });

  test('a box has room for so many streams, and nothing is left of those that are over', async () => {
    const log = `http://${api}/apis/holdfast.dev/v1alpha1/namespaces/default/virtualmachines/pos/log`;
    const ask = async (query = '') => {
      const [answer] = await once(get(`${log}${query}`, { agent: false }), 'response');
      return answer as IncomingMessage;
    };
    const before = ['hub', 'edge-1'].map(descriptors);
    const following: IncomingMessage[] = [];
    for (let count = 0; count < MOST_STREAMS; count += 1) following.push(await ask('?follow=true'));
    expect(following.map(({ statusCode }) => statusCode)).toEqual(Array(MOST_STREAMS).fill(200));
    const refused = await ask();
    expect([refused.statusCode, await text(refused)]).toEqual([
      429,
      expect.stringContaining(`${MOST_STREAMS} streams are open on this box: end some`),
    ]);
    for (const one of following) one.destroy();
    await waitFor('room', async () => (await open(`${VMI}/console`)).socket.close() === undefined);
    await waitFor('all to be let go', () =>
      ['hub', 'edge-1'].every((name, index) => descriptors(name) <= (before[index] ?? 0)),
    );
  });

  test('a machine that dies ends its console; its log goes on with its next start', async () => {
    const [console, log] = [command('console', 'pos'), command('logs', '-f', '--tail', '1', 'pos')];
    await console.hears(/Connected to pos/);
    await log.hears(/./);
    const [{ pid } = { pid: 0 }] = world.qemus('edge-1');
    process.kill(pid, 'SIGKILL');
    expect(await console.ended).toBe(0);
    expect(console.heard()).toContain('The console of pos has ended: the machine has stopped');
    await log.hears(/login: /);
    log.end();
  });

  test('a hub that is killed ends what went through it, and leaves nothing of it on the box', async () => {
    const before = descriptors('edge-1');
    const console = command('console', 'pos');
    await console.hears(/Connected to pos/);
    await world.guest(await world.port('pos'));
    const port = await open(`${VMI}/portforward/${SERVICE}`);
    const [qemu] = world.qemus('edge-1');
    expect(listening(qemu?.pid)).toHaveLength(2);
    await world.end('hub', 'SIGKILL');
    expect(await console.ended).toBe(1);
    expect(console.heard()).toContain('holdfast: the connection to the hub was lost');
    expect(await port.closed).toMatchObject({ code: 1006 });
    await waitFor('the port to be closed', () => listening(qemu?.pid).length === 1);
    await world.startHub();
    const again = await waitFor('a console', () => open(`${VMI}/console`));
    again.say('\n');
    await again.says(/login: /);
    again.socket.close();
    await waitFor('all to be let go', () => descriptors('edge-1') <= before);
  });

  test('a hub that stops, and an agent that is killed, end streams with a sentence; both come back', async () => {
    const first = await open(`${VMI}/console`);
    await world.end('hub');
    expect(await first.closed).toEqual({ code: 1001, reason: 'the hub is stopping' });
    await world.startHub();
    const second = await waitFor('a console', () => open(`${VMI}/console`));
    await world.end('edge-1', 'SIGKILL');
    expect(await second.closed).toEqual({
      code: 1011,
      reason: 'the connection to device edge-1 was lost',
    });
    world.startAgent('edge-1', ['--metrics-listen', '']);
    const third = await waitFor('a console', () => open(`${VMI}/console`));
    third.say('back-again\n');
    await third.says(/login: back-again/);
    await world.end('edge-1');
    expect(await third.closed).toMatchObject({
      code: 1011,
      reason: expect.stringContaining('is stopping') as string,
    });
  });

  test('what needs a device that is away is answered at once, with what is known', async () => {
    const known =
      /^503: .*edge-1" can't be asked: it is not connected since \S+Z; of pos it last said Running at \S+Z; a change of its spec is applied once the device is back/;
    await waitFor('the end of the link', async () => {
      const { message } = await open(`${VMI}/console`).then(
        () => ({ message: '' }),
        (error: unknown) => error as Error,
      );
      return known.test(message);
    });
    for (const path of ['vnc', 'portforward/22']) await expect(open(`${VMI}/${path}`)).rejects.toThrow(known);
    const { code, stderr } = await runHoldfast(['logs', 'pos', '--server', `http://${api}`]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('a change of its spec is applied') as string]);
  });
});
