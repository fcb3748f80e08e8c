import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createImages } from '../../../agent/image/images.ts';
import type { LocalClient } from '../../../agent/local/client.ts';
import { SOCKET_NAME, createLocalClient } from '../../../agent/local/client.ts';
import type { LocalDoor } from '../../../agent/local/door.ts';
import { createLocalDoor } from '../../../agent/local/door.ts';
import type { LocalServer } from '../../../agent/local/server.ts';
import { serveLocalDoor } from '../../../agent/local/server.ts';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import type { MachineMemory } from '../../../agent/plan/memory.ts';
import type { Store } from '../../../agent/ports.ts';
import type { Images } from '../../../agent/images-port.ts';
import { createMachines } from '../../../agent/qemu/machines.ts';
import { createTrash } from '../../../agent/qemu/trash.ts';
import { createStore } from '../../../agent/store/store.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { MachineStatus } from '../../../shared/model/machine.ts';
import { HAPPENING, event } from '../../contract/agent-store.ts';
import type { LogRecorder } from '../../shared/log-recorder.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { PLAIN_LIMITS } from '../image/plain-limits.ts';
import { UID, desiredMachine } from '../plan/scenario.ts';
import { createNoNetworks } from '../../tools/no-networks.ts';
import { NO_EQUIPMENT } from '../../tools/equipment.ts';

/** What a technician on the box asks, through the real socket, of a real store. */

const OTHER_UID = '1c0f7d2d-64b6-4e41-8e4f-207a1c2d3e4f';

let root: string;
let dataDir: string;
let store: Store;
let server: LocalServer;
let door: LocalDoor;
let client: LocalClient;
let log: LogRecorder;
let woken: number;
let images: Images;
let closeMachines: () => Promise<void>;

async function open(folder: string): Promise<void> {
  dataDir = folder;
  mkdirSync(dataDir, { recursive: true });
  log = createLogRecorder();
  woken = 0;
  const clock = createClock();
  store = createStore(join(dataDir, 'agent.db'), createRandom());
  const places = { dataDir, forwardAddress: '127.0.0.1', localImages: dataDir, networks: createNoNetworks() };
  const machines = createMachines({
    ...places,
    equipment: NO_EQUIPMENT,
    bootId: HAPPENING.bootId,
    clock,
    log,
  });
  closeMachines = () => machines.close();
  images = createImages({ ...PLAIN_LIMITS, dataDir, reserveBytes: 0, clock, random: createRandom(), log });
  door = createLocalDoor({
    device: 'edge-1',
    version: '1.2.3',
    store,
    machines,
    trash: createTrash(dataDir),
    images,
    clock,
    session: { link: () => ({ up: false, sinceMs: HAPPENING.atMs, problem: 'nobody answers' }) },
    happening: () => HAPPENING,
    loop: { wake: () => (woken += 1), hasTicked: () => true },
  });
  server = await serveLocalDoor(join(dataDir, SOCKET_NAME), door, log);
  client = createLocalClient(dataDir);
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-door-'));
  await open(join(root, 'box'));
});
afterEach(async () => {
  await server.close();
  await images.close();
  await closeMachines();
  store.close();
  rmSync(root, { recursive: true });
});

const reported: MachineStatus = {
  uid: UID,
  namespace: 'default',
  name: 'pos',
  kind: 'VirtualMachine',
  generation: 1,
  state: 'Running',
  reason: 'Running',
  message: 'the guest runs',
  since: '2026-03-01T08:00:00.000Z',
  process: { pid: 4711, startedAt: '2026-03-01T08:00:00Z', accelerator: 'tcg', guestAgent: false },
  interfaces: [
    {
      name: 'default',
      ports: [{ port: 80, protocol: 'TCP', hostPort: 30_080, hostAddress: '127.0.0.1' }],
    },
  ],
};

function put(change: object = {}, memory: Partial<MachineMemory> = {}): void {
  const desired = desiredMachine('Halted', change);
  store.putMachine({ uid: desired.uid, desired, memory: { ...EMPTY_MEMORY, ...memory } });
}

/** A request that the client would not make. */
async function ask(method: string, path: string, body = '') {
  const call = request({ socketPath: join(dataDir, SOCKET_NAME), method, path });
  call.end(body);
  return new Promise<{ code: number | undefined; body: string }>((resolve, reject) => {
    call.on('error', reject);
    call.on('response', (response) => {
      text(response).then((answer) => resolve({ code: response.statusCode, body: answer }), reject);
    });
  });
}

describe('the status of a box', () => {
  test('says how the link is since when, what waits to be sent, and every machine', async () => {
    put({}, { reported });
    put({ uid: OTHER_UID, name: 'video' });
    store.putMachine({ uid: 'c', desired: 'unreadable', memory: EMPTY_MEMORY });
    store.appendEvent(event('waits'), HAPPENING);
    store.saveDesired(7, 'hash', '{}');
    expect(await client.status()).toEqual({
      device: 'edge-1',
      version: '1.2.3',
      link: { state: 'down', since: '2026-03-01T08:00:00.250Z', problem: 'nobody answers' },
      outbox: { pending: 1 },
      desired: { generation: 7 },
      machines: [
        {
          namespace: 'default',
          name: 'pos',
          uid: UID,
          phase: 'Running',
          pid: 4711,
          state: 'Running',
          message: 'the guest runs',
          since: '2026-03-01T08:00:00.000Z',
          ports: [{ port: 80, protocol: 'TCP', host: '127.0.0.1:30080' }],
        },
        expect.objectContaining({ uid: OTHER_UID, name: 'video', state: 'Pending', ports: [] }),
      ],
    });
  });

  test('says Stopped of a machine that has no run, and of what holds against the hub', async () => {
    const override = { verb: 'stop', at: '2026-03-01T08:00:00.000Z', reason: 'repairs' } as const;
    const { process: _none, ...stopped } = reported;
    put({}, { reported: { ...stopped, state: 'Stopped', override } });
    expect((await client.status()).machines).toMatchObject([{ phase: 'Stopped', override }]);
    expect((await client.status()).machines[0]).not.toHaveProperty('pid');
  });
});

describe('the trash', () => {
  const id = `20260301T080000Z-default.pos-${OTHER_UID}`;
  const throwAway = () => {
    mkdirSync(join(dataDir, 'trash', id), { recursive: true });
    writeFileSync(join(dataDir, 'trash', id, 'disk-root.qcow2'), 'what the guest wrote');
  };

  test('is listed, and gives its disks to a machine that does not run', async () => {
    throwAway();
    put({}, { reported });
    expect(await client.listTrash()).toMatchObject([{ id, name: 'pos', disks: [{ dataVolume: 'root' }] }]);
    await expect(client.restoreTrash(id, 'pos')).rejects.toThrow('stop it first');
    const { process: _none, ...stopped } = reported;
    put({}, { reported: { ...stopped, state: 'Stopped' } });
    const before = woken;
    expect(await client.restoreTrash(id, 'pos')).toEqual(['root']);
    expect(woken).toBe(before + 1);
    const disk = join(dataDir, 'machines', UID, 'disk-root.qcow2');
    expect(readFileSync(disk, 'utf8')).toBe('what the guest wrote');
    expect(store.reportsAfter(0, 1e6)).toMatchObject([{ body: { reason: 'DisksRestored' } }]);
  });

  test('is emptied entry by entry or all at once', async () => {
    throwAway();
    await expect(client.emptyTrash('none')).rejects.toThrow('there is no "none" in the trash');
    expect(await client.emptyTrash(id)).toEqual([id]);
    throwAway();
    expect(await client.emptyTrash()).toEqual([id]);
    expect(await client.listTrash()).toEqual([]);
  });
});

describe('an order', () => {
  test.each(['pos', 'default/pos', UID])(
    'to %s is stored and reported with its reason, and acted on',
    async (name) => {
      put();
      await client.order('start', name, 'the till is needed', 'anna');
      expect(store.machines()[0]?.memory.override).toMatchObject({
        verb: 'start',
        reason: 'the till is needed',
        by: 'anna',
      });
      expect(store.reportsAfter(0, 2 ** 20).map(({ body }) => body)).toMatchObject([
        {
          kind: 'event',
          reason: 'LocalOrder',
          message: 'start was ordered on the box by anna: the till is needed',
          machine: { uid: UID, namespace: 'default', name: 'pos' },
        },
      ]);
      expect(woken).toBe(1);
    },
  );

  test('to a machine that is not there says so, and leaves nothing behind', async () => {
    put();
    await expect(client.order('start', 'till', '')).rejects.toThrow('there is no machine "till" on edge-1');
    expect([store.pendingReports(), woken]).toEqual([0, 0]);
  });

  test('to a name that two machines have asks for the namespace', async () => {
    put();
    put({ uid: OTHER_UID, namespace: 'shop' });
    await expect(client.order('stop', 'pos', 'repairs')).rejects.toThrow(
      '"pos" may be any of default/pos, shop/pos: give the namespace too',
    );
    await client.order('stop', 'shop/pos', 'repairs');
    expect(store.pendingReports()).toBe(1);
  });

  test('to restart what does not run says to start it', async () => {
    put();
    await expect(client.order('restart', 'pos', '')).rejects.toThrow(/does not run.*start it instead/);
    put({}, { reported });
    await client.order('restart', 'pos', '');
    expect(store.machines()[0]?.memory.restarting).toBe(true);
  });

  test('to restart that the hub gives says so, and gives way to a stop that was ordered here', async () => {
    put({}, { reported });
    door.takeHubOrder('restart', UID, 'asked for through the API', {});
    expect(store.machines()[0]?.memory).toMatchObject({ restarting: true });
    expect(store.reportsAfter(0, 2 ** 20).map(({ body }) => body)).toMatchObject([
      {
        reason: 'HubOrder',
        message: 'restart was ordered at the hub: asked for through the API',
      },
    ]);
    put({ runStrategy: 'Always' }, { reported });
    await client.order('stop', 'pos', 'cleaning the till');
    expect(() => door.takeHubOrder('restart', UID, 'again', {})).toThrow(
      /held by the stop ordered on the box at .*: release that/,
    );
    expect(store.machines()[0]?.memory).toMatchObject({ override: { verb: 'stop' } });
    expect(store.machines()[0]?.memory).not.toHaveProperty('restarting');
    expect(store.pendingReports()).toBe(2);
  });

  test.each([
    ['{"verb":"explode","machine":"pos","reason":""}', /verb/],
    ['{"verb":"start","machine":"","reason":""}', /machine/],
    ['{"verb":"start","machine":"pos","reason":"","more":1}', /more: unknown field/],
    ['{"verb":"stop","machine":"pos","reason":" "}', /reason: a stop holds against the hub/],
    ['{"verb":"stop","machine":"pos","reason":"a\\nb"}', /reason: must be printable text/],
    ['{"verb":"start","machine":"pos","reason":"","by":""}', /by/],
    ['null', /expected object/],
  ])('that says %s is refused with what is wrong with it', async (body, why) => {
    put();
    const answer = await ask('POST', '/orders', body);
    expect(answer.code).toBe(400);
    expect(answer.body).toMatch(why);
    expect(store.pendingReports()).toBe(0);
  });

  test.each([
    ['is not JSON', '{'],
    ['is too large', JSON.stringify({ verb: 'start', machine: 'pos', reason: 'x'.repeat(20_000) })],
  ])('that %s is refused, and the agent goes on', async (_, body) => {
    put();
    expect((await ask('POST', '/orders', body)).code).toBeGreaterThanOrEqual(400);
    expect(store.pendingReports()).toBe(0);
    expect((await client.status()).device).toBe('edge-1');
  });
});

test.each([
  ['GET', '/'],
  ['GET', '/orders'],
  ['POST', '/status'],
  ['GET', '/../status'],
])('there is no %s %s', async (method, path) => {
  expect((await ask(method, path)).code).toBe(404);
});

test('a console of a machine that is not there is refused with a sentence', async () => {
  await expect(client.openConsole('till')).rejects.toThrow('there is no machine "till" on edge-1');
  put();
  await expect(client.openConsole('pos')).rejects.toThrow(/\w+ \w+/);
});

describe('the socket', () => {
  test('is for the owner of the agent alone, and goes with it', async () => {
    expect(statSync(join(dataDir, SOCKET_NAME)).mode & 0o077).toBe(0);
    await server.close();
    expect(readdirSync(dataDir)).not.toContain(SOCKET_NAME);
    await expect(client.status()).rejects.toThrow(`no agent runs with ${dataDir}`);
  });

  test('may lie deeper than a socket address can say', async () => {
    await server.close();
    await closeMachines();
    store.close();
    await open(join(root, 'a'.repeat(120), 'box'));
    expect((await client.status()).device).toBe('edge-1');
  });

  test('left behind by an agent that was killed is taken over', async () => {
    await server.close();
    await closeMachines();
    store.close();
    writeFileSync(join(dataDir, SOCKET_NAME), '');
    await open(dataDir);
    expect((await client.status()).device).toBe('edge-1');
  });
});

test('a data volume that waits for an upload is filled once, and by name', async () => {
  const uid = '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e';
  const entry = {
    uid,
    namespace: 'shop',
    name: 'media',
    kind: 'DataVolume',
    generation: 1,
    dataVolume: {
      metadata: { name: 'media' },
      spec: { source: { upload: {} }, storage: { resources: { requests: { storage: '1Gi' } } } },
    },
  };
  store.putMachine({ uid, desired: entry, memory: EMPTY_MEMORY });
  const disk = randomBytes(100_000);
  await expect(client.upload('other', Readable.from([disk]))).rejects.toThrow('no data volume "other"');
  await expect(
    client.upload('shop/media', Readable.from([Buffer.from('QFI\xfb', 'latin1')])),
  ).rejects.toThrow('what was uploaded');
  expect(images.observe({ url: `upload:${uid}/media` })).toEqual({ state: 'absent' });
  await client.upload('shop/media', Readable.from([gzipSync(disk)]));
  const sha256 = createHash('sha256').update(disk).digest('hex');
  expect(images.observe({ url: `upload:${uid}/media` })).toMatchObject({ state: 'ready', sha256 });
  expect(woken).toBe(1);
  mkdirSync(join(dataDir, 'machines', uid));
  writeFileSync(join(dataDir, 'machines', uid, 'disk-media.qcow2'), '');
  await expect(client.upload('media', Readable.from([disk]))).rejects.toThrow('has been filled');
});
