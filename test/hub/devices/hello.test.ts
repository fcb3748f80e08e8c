import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machine } from '../api/start-api.ts';
import type { HubWorld } from './hub-world.ts';
import { poll, startHub } from './hub-world.ts';
import { event, reportOf } from './scripted-device.ts';

/** How a device comes, stays and goes, as the hub sees it. */

let hub: HubWorld;
beforeEach(async () => {
  hub = await startHub();
});
afterEach(() => hub.close());

/** What a device says last that tells all it knows. */
const held = (generation: number) => ({ kind: 'desired', generation, problems: [] });
const presence = () => hub.condition('edge-1', 'Connected');

describe('a device that says hello', () => {
  test('appears, with a label to place machines by, is answered, and gets its first document', async () => {
    const device = await hub.connect();
    await device.hello();
    expect(await device.takeAck()).toBe(0);
    expect(await device.takeDocument()).toMatchObject({ device: 'edge-1', generation: 1, machines: [] });
    expect((await hub.device('edge-1'))?.metadata.labels).toEqual({ 'kubernetes.io/hostname': 'edge-1' });
    await poll(presence).toMatch(/^True: connected since 20/);
  });

  test('again with what the hub has for it is sent nothing, and with anything else is sent it', async () => {
    const device = await hub.connect();
    await device.hello();
    const { generation, hash } = await device.takeDocument();
    await device.hello({ generation, hash });
    await device.hello({ generation, hash });
    await hub.create(machine('pos'));
    const next = await device.takeDocument();
    expect(next.generation).toBe(2);
    await device.hello({ generation, hash });
    expect(await device.takeDocument()).toEqual(next);
    expect(device.documents).toEqual([]);
  });

  test('in a protocol that this hub does not speak is refused, and is told and shown why', async () => {
    const device = await hub.connect();
    await device.hello({ protocol: { min: 2, max: 3 } });
    const message = expect.stringContaining('speaks protocol 2 to 3, this hub 1 to 1') as string;
    expect(await device.takeAnswer()).toMatchObject({ kind: 'refused', reason: 'ProtocolMismatch', message });
    await poll(presence).toMatch(/^False: the agent \(version 1.2.3\) speaks protocol 2 to 3/);
    expect(device.documents).toEqual([]);
    await device.hello({ protocol: { min: 1, max: 3 } });
    expect(await device.takeAnswer()).toMatchObject({ kind: 'welcome', protocol: 1 });
    await poll(presence).toMatch(/^True/);
  });
});

describe('a device that is ahead of the hub', () => {
  test('in its reports raises what the hub has, and goes on from there', async () => {
    const device = await hub.connect();
    await device.hello({ acknowledged: 40 });
    expect(await device.takeAck()).toBe(40);
    await device.report(reportOf(41, event('next')));
    expect(await device.takeAck()).toBe(41);
  });

  test('in its document gets the next one above that, with what the hub wants', async () => {
    const device = await hub.connect();
    await device.hello({ generation: 7, hash: 'unknown here' });
    expect(await device.takeAnswer()).toMatchObject({ kind: 'welcome', tellAll: true });
    await device.report(reportOf(1, held(7)));
    expect(await device.takeDocument()).toMatchObject({ generation: 8, machines: [] });
  });

  test('by as much as another content under the same number gets the next one too', async () => {
    const device = await hub.connect();
    await device.hello();
    expect((await device.takeDocument()).generation).toBe(1);
    await device.hello({ generation: 1, hash: 'another content' });
    await device.report(reportOf(1, held(1)));
    expect((await device.takeDocument()).generation).toBe(2);
  });

  test('because the hub was restored from a backup gets no number twice, and loses no report', async () => {
    const device = await hub.connect();
    await device.hello();
    await device.takeDocument();
    const backup = hub.snapshot();
    await hub.create(machine('after-the-backup'));
    const { generation, hash } = await device.takeDocument();
    await device.report(reportOf(1, event('one')), reportOf(2, event('two')));
    await poll(() => device.acks).toEqual([0, 2]);

    await hub.restartOn(backup);
    const back = await hub.connect({ epoch: device.epoch, connection: 2 });
    await back.hello({ generation, hash, acknowledged: 2 });
    expect(await back.takeAck()).toBe(2);
    await back.report(reportOf(3, event('three')), reportOf(4, held(generation)));
    expect(await back.takeAck()).toBe(4);
    expect((await back.takeDocument()).generation).toBe(generation + 1);
    await poll(() => hub.events()).toMatchObject([{ message: 'three' }]);
  });
});

describe('presence', () => {
  test('is over with the last will, and there again with the next hello', async () => {
    const device = await hub.connect();
    await device.hello();
    await poll(presence).toMatch(/^True/);
    await device.cut();
    await poll(presence).toMatch(/^False: not connected since 20/);
    const back = await hub.connect({ epoch: device.epoch, connection: 2 });
    await back.hello();
    await poll(presence).toMatch(/^True/);
  });

  test('is not ended by the end of an older connection, nor by that of another store', async () => {
    const device = await hub.connect({ connection: 3 });
    await device.hello();
    await device.gone({ connection: 2 });
    await device.gone({ epoch: randomUUID() });
    await device.report(reportOf(1, event('one')));
    expect([await device.takeAck(), await device.takeAck()]).toEqual([0, 1]);
    await poll(presence).toMatch(/^True/);
    await device.gone();
    await poll(presence).toMatch(/^False/);
  });

  test('goes to the connection that takes over, though the one before leaves its will', async () => {
    const first = await hub.connect();
    await first.hello();
    expect(await first.takeAck()).toBe(0);
    const second = await hub.connect({ epoch: first.epoch, connection: 2 });
    await second.hello();
    expect(await second.takeAck()).toBe(0);
    await second.report(reportOf(1, event('one')));
    expect(await second.takeAck()).toBe(1);
    await poll(presence).toMatch(/^True/);
  });

  test('is unknown after a hub that was killed starts again, until the device is heard', async () => {
    const device = await hub.connect();
    await device.hello();
    await device.takeDocument();
    await poll(presence).toMatch(/^True/);
    await hub.restartOn(hub.snapshot());
    await poll(presence).toMatch(/^Unknown: not heard since 20/);
    const back = await hub.connect({ epoch: device.epoch, connection: 2 });
    await back.hello();
    await poll(presence).toMatch(/^True/);
  });
});
