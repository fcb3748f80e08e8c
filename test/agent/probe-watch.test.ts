import { createServer as createHttpServer } from 'node:http';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompiledProbe, ProbeAction } from '../../agent/machine/probe.ts';
import { createProbeWatch } from '../../agent/probe-watch.ts';
import { createProbes } from '../../agent/probe/probes.ts';
import type { ProbeTarget } from '../../agent/guest.ts';
import { createClock } from '../../shared/host/clock.ts';
import { createManualClock } from '../shared/manual-clock.ts';

const TARGET: ProbeTarget = { uid: 'a', ports: [] };
const PROBE: CompiledProbe = {
  action: { kind: 'ping' },
  initialDelayMs: 5_000,
  timeoutMs: 1_000,
  periodMs: 10_000,
  successThreshold: 1,
  failureThreshold: 3,
};

describe('a guest is tried', () => {
  let clock = createManualClock();
  let ok: boolean;
  let tries: number[];
  let changes: number;
  const create = () =>
    createProbeWatch(
      {
        async run() {
          tries.push(clock.monotonic() / 1_000);
          return { ok, detail: ok ? 'well' : 'ill' };
        },
      },
      clock,
      () => (changes += 1),
    );
  beforeEach(() => {
    clock = createManualClock();
    ok = true;
    tries = [];
    changes = 0;
  });
  const guest = {
    uid: 'a',
    run: 1,
    runningSinceMs: 0,
    probes: { readiness: PROBE, liveness: PROBE },
    target: TARGET,
  };
  async function pass(seconds: number) {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      await clock.turn();
    }
  }

  test('after the delay, then each period, and only what changes is told', async () => {
    const watch = create();
    watch.watch({ ...guest, probes: { readiness: PROBE } });
    await pass(40);
    expect([tries, changes]).toEqual([[5, 15, 25, 35], 1]);
    ok = false;
    await pass(20);
    expect(watch.outlook('a')).toEqual({ run: 1, ready: { ok: true, detail: 'well' } });
    await pass(10);
    expect(watch.outlook('a')).toEqual({ run: 1, ready: { ok: false, detail: 'ill' } });
    expect(changes).toBe(2);
  });

  test('and found dead after so many failures in a row, which no next run inherits', async () => {
    const watch = create();
    ok = false;
    watch.watch(guest);
    await pass(26);
    expect(watch.outlook('a')).toEqual({ run: 1, ready: { ok: false, detail: 'ill' }, dead: 'ill' });
    watch.watch({ ...guest, run: 2, runningSinceMs: clock.monotonic() });
    expect(watch.outlook('a')).toEqual({ run: 2 });
    await pass(24);
    expect(watch.outlook('a')?.dead).toBeUndefined();
  });

  test('not while it is held, nor counted for that; and an agent that starts anew counts from zero', async () => {
    const watch = create();
    watch.watch(guest);
    await pass(6);
    ok = false;
    await pass(20);
    watch.rest('a');
    const before = tries.length;
    await pass(600);
    expect([tries.length, watch.outlook('a')?.ready]).toEqual([before, { ok: true, detail: 'well' }]);
    ok = true;
    watch.watch(guest);
    await pass(30);
    expect(watch.outlook('a')?.dead).toBeUndefined();
    watch.stop();

    ok = false;
    const next = create();
    next.watch(guest);
    await pass(19);
    expect(next.outlook('a')).toEqual({ run: 1 });
    next.stop();
  });

  test('no more once its agent stops, whatever a tick that is still under way has it watch', async () => {
    const watch = create();
    watch.watch(guest);
    watch.stop();
    watch.watch(guest);
    await pass(60);
    expect(tries).toEqual([]);
  });
});

describe('from the box', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const listen = async (server: Server): Promise<ProbeTarget> => {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const hostPort = typeof address === 'object' && address !== null ? address.port : 0;
    const port = {
      interface: 'default',
      port: 80,
      protocol: 'TCP',
      hostAddress: '127.0.0.1',
      hostPort,
    } as const;
    return { uid: 'a', ports: [port] };
  };
  const guestAgent = {
    runInGuest: async (_uid: string, [word]: readonly string[]) => (word === '/bin/true' ? 0 : 1),
    async pingGuest() {
      throw new Error('the guest agent did not answer');
    },
  };
  const attempt = (action: ProbeAction, target: ProbeTarget, timeoutMs = 2_000) =>
    createProbes(guestAgent, createClock()).run(action, target, timeoutMs);
  const http = {
    kind: 'http',
    port: 80,
    path: '/health?a=b',
    secure: false,
    headers: [['X-Probe', '1']],
  } as const;

  test('by HTTP at the port that is forwarded, with the headers given', async () => {
    const asked: unknown[] = [];
    let status = 204;
    const target = await listen(
      createHttpServer(({ url, headers }, response) => {
        asked.push([url, headers['x-probe']]);
        response.writeHead(status).end('x'.repeat(100_000));
      }),
    );
    expect(await attempt(http, target)).toEqual({ ok: true, detail: 'it answers with status 204' });
    status = 503;
    expect(await attempt(http, target)).toEqual({ ok: false, detail: 'it answers with status 503' });
    expect(asked).toEqual([
      ['/health?a=b', '1'],
      ['/health?a=b', '1'],
    ]);
  });

  test('and one that does not answer is given up at its deadline', async () => {
    const target = await listen(createServer((socket) => socket.on('error', () => {})));
    expect(await attempt(http, target, 200)).toEqual({ ok: false, detail: 'no answer within 0.2 s' });
  });

  test('by TCP: taken and kept, taken and closed as a forwarded port is, and refused', async () => {
    const tcp = { kind: 'tcp', port: 80 } as const;
    const open = await listen(createServer((socket) => socket.on('error', () => {})));
    expect(await attempt(tcp, open)).toMatchObject({ ok: true });
    const closed = await listen(createServer((socket) => socket.end()));
    expect(await attempt(tcp, closed)).toMatchObject({ ok: false });
    servers.at(-1)?.close();
    expect(await attempt(tcp, closed)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(await attempt(tcp, TARGET)).toEqual({
      ok: false,
      detail: 'port 80 is not among the ports of an interface, and the guest has told no address',
    });
  });

  test('through the agent in the guest', async () => {
    expect(await attempt({ kind: 'exec', command: ['/bin/true'] }, TARGET)).toMatchObject({ ok: true });
    expect(await attempt({ kind: 'exec', command: ['/bin/no'] }, TARGET)).toEqual({
      ok: false,
      detail: '/bin/no ended with 1',
    });
    expect(await attempt({ kind: 'ping' }, TARGET)).toEqual({
      ok: false,
      detail: 'the guest agent did not answer',
    });
  });
});
