import { randomUUID } from 'node:crypto';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../shared/model/device.ts';
import { connectDevice, SENT } from '../hub/devices/scripted-device.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { GuestAnswer, World } from './world.ts';
import { createWorld } from './world.ts';

describe('a hub that knows less than it did', () => {
  let world: World;
  let port: number;
  let uid: string;
  let guest: GuestAnswer;
  let qemus: { pid: number; uid: string }[];
  const hubDb = () => join(world.folder, 'hub', 'hub.db');

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.create('pos', 'edge-1');
    await world.create('video', 'edge-1', { runStrategy: 'Halted' });
    await world.untilStatus('pos', 'Running');
    await world.untilStatus('video', 'Stopped');
    port = await world.port('pos');
    guest = await world.guest(port);
    uid = (await world.machine('pos')).metadata.uid ?? '';
    qemus = world.qemus('edge-1');
  });
  afterAll(() => world.close());

  async function loseDatabase(): Promise<void> {
    await world.end('hub', 'SIGKILL');
    for (const file of ['', '-wal', '-shm']) rmSync(`${hubDb()}${file}`, { force: true });
  }
  async function device() {
    const { status } = await world.get<Device>('device', 'edge-1');
    return status;
  }
  /** The same processes, and the guest went on all the while. */
  async function expectUntouched(): Promise<void> {
    expect(world.qemus('edge-1')).toEqual(expect.arrayContaining(qemus));
    expect((await world.guest(port)).bootId).toBe(guest.bootId);
  }
  const untilHeld = () =>
    waitFor('the document to be held', async () => {
      const { desiredGeneration, observedGeneration } = (await device()) ?? {};
      return observedGeneration === desiredGeneration && desiredGeneration;
    });

  test('none at all: the box brings its machines back, none of them is touched, and all can be changed', async () => {
    const generation = await untilHeld();
    await loseDatabase();
    await world.startHub();
    await waitFor('the machines', async () => {
      const table = await world.kubectl('get', 'vm');
      return (
        /pos +\S+ +Running +True +edge-1/.test(table) && /video +\S+ +Stopped +False +edge-1/.test(table)
      );
    });
    expect((await world.machine('pos')).metadata).toMatchObject({
      uid,
      annotations: { 'holdfast.dev/recovered-from': 'edge-1' },
    });
    expect(await world.port('pos')).toBe(port);
    expect(await untilHeld()).toBeGreaterThan(generation);
    await expectUntouched();
    await world.kubectl('patch', 'vm', 'video', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Always"}}');
    await world.untilStatus('video', 'Running');
    await world.kubectl('patch', 'vm', 'video', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Halted"}}');
    await world.untilStatus('video', 'Stopped');
    await expectUntouched();
  });

  test('and its manifests are applied before the box is back: they are of the machines on the box', async () => {
    await world.end('edge-1', 'SIGKILL');
    await loseDatabase();
    await world.startHub();
    await world.create('pos', 'edge-1');
    await world.create('video', 'edge-1', { runStrategy: 'Halted' });
    expect((await world.machine('pos')).metadata.uid).not.toBe(uid);
    world.startAgent('edge-1');
    await world.untilStatus('pos', 'Running');
    await world.untilStatus('video', 'Stopped');
    expect((await world.machine('pos')).metadata.uid).toBe(uid);
    expect(world.qemus('edge-1')).toEqual(qemus);
    await expectUntouched();
    const applied = await world.create('pos', 'edge-1');
    expect(applied).toContain('unchanged');
  });

  test('an older copy: what was made, changed and deleted since is so again, and none is touched', async () => {
    await world.create('spare', 'edge-1', { runStrategy: 'Halted' });
    await world.untilStatus('spare', 'Stopped');
    const copy = join(world.folder, 'copy.db');
    const file = new Sqlite(hubDb());
    file.exec(`VACUUM INTO '${copy}'`);
    file.close();
    const before = await untilHeld();

    await world.create('made', 'edge-1', { runStrategy: 'Halted' });
    await world.untilStatus('made', 'Stopped');
    await world.kubectl('patch', 'vm', 'video', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Manual"}}');
    await world.kubectl('delete', 'vm', 'spare', '--timeout', '60s');
    const generation = await untilHeld();
    expect(generation).toBeGreaterThan(before);

    await world.end('hub', 'SIGKILL');
    for (const end of ['-wal', '-shm']) rmSync(`${hubDb()}${end}`, { force: true });
    copyFileSync(copy, hubDb());
    await world.startHub();
    await waitFor('what was made since', () => world.machine('made'));
    expect(await untilHeld()).toBeGreaterThan(generation);
    expect((await world.machine('made')).metadata.annotations).toMatchObject({
      'holdfast.dev/recovered-from': 'edge-1',
    });
    expect((await world.machine('video')).spec.runStrategy).toBe('Manual');
    await world.untilStatus('spare', 'ErrorPvcNotFound');
    expect((await world.status('edge-1')).machines.map(({ name }) => name).toSorted()).toEqual([
      'made',
      'pos',
      'video',
    ]);
    await world.untilStatus('pos', 'Running');
    await world.kubectl('delete', 'vm', 'spare', '--timeout', '60s');
    expect(world.qemus('edge-1')).toEqual(qemus);
    await expectUntouched();

    await world.kubectl('patch', 'vm', 'video', '--type', 'merge', '-p', '{"spec":{"runStrategy":"Always"}}');
    await world.untilStatus('video', 'Running');
    await waitFor('news of it', async () =>
      (await world.events('video')).some(({ reason }) => reason === 'Started'),
    );
    await expectUntouched();
  });

  test('of two boxes, since the disk of one was copied: both are shown, and no machine is touched', async () => {
    const running = world.qemus('edge-1');
    const file = new Sqlite(join(world.agentDir('edge-1'), 'agent.db'), { readonly: true });
    const identity = file.prepare('SELECT * FROM identity').get() as Record<string, number | string>;
    file.close();
    const { mqtt = '' } = world.addresses() ?? {};
    // The copy says hello whenever the box has the link, until that is noticed.
    const bootId = randomUUID();
    const message = await waitFor('the condition', async () => {
      const found = (await device())?.conditions?.find(({ type }) => type === 'DuplicateIdentity')?.message;
      if (found !== undefined) return found;
      const copy = await connectDevice(mqtt, {
        epoch: String(identity['epoch']),
        connection: 1_000_000 + Date.now(),
      });
      const next = Number(identity['next_sequence']);
      const sent = { ...SENT, bootId };
      await copy.hello({ sent, next, acknowledged: next - 1, box: { hostname: 'copy', addresses: [] } });
      await copy.takeAnswer();
      await copy.cut();
      await waitFor('the box', async () => (await world.status('edge-1')).link.state === 'up');
      return undefined;
    });
    expect(message).toContain('copy (boot ');
    expect(message).toContain(`boot ${(await device())?.facts?.bootId ?? 'none'}`);
    expect(world.qemus('edge-1')).toEqual(running);
    await expectUntouched();
  });
});
