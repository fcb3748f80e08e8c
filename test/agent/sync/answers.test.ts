import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Happening } from '../../../agent/ports.ts';
import { happenedAtMs } from '../../../hub/devices/device-clock.ts';
import type { HelloMessage, ReportMessage } from '../../../shared/protocol/messages.ts';
import type { Device } from './device.ts';
import { createDevice } from './device.ts';
import type { ScriptedHub } from './scripted-hub.ts';
import { startScriptedHub } from './scripted-hub.ts';

/** What a hub may answer a device's hello other than a plain welcome, over the real broker and the real MQTT client. */

const RETRY_MS = 20_000;

let hub: ScriptedHub;
let device: Device;
beforeEach(async () => {
  hub = await startScriptedHub();
  device = createDevice();
});
afterEach(async () => {
  await device.close();
  await hub.stop();
});

const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });
const messages = ({ reports }: ReportMessage) =>
  reports.map(({ sequence, body }) => `${sequence} ${(body as { message: string }).message}`);

async function start(): Promise<HelloMessage> {
  device.start(hub.url);
  return hub.take('hello');
}

/** Waits until something is due within `mostMs`, and lets that be now; the result is when it was. */
async function passUntilDue(leastMs: number, mostMs: number): Promise<number> {
  const due = () => device.clock.waiting().find((ms) => ms >= leastMs && ms <= mostMs);
  await poll(due).not.toBeUndefined();
  const ms = due() ?? 0;
  device.clock.advance(ms);
  return ms;
}

const answer = (kind: string, { epoch, connection }: HelloMessage, more: object) =>
  hub.send('ack', { kind, epoch, connection, ...more });

describe('later', () => {
  test('has hello said again after that time, on the same connection, and nothing sent until then', async () => {
    device.report('waits');
    const hello = await start();
    await answer('later', hello, { delayMs: 30_000 });
    await passUntilDue(30_000, 37_500);
    expect(await hub.take('hello')).toMatchObject({ epoch: hello.epoch, connection: hello.connection });
    expect(device.link?.up).toBe(false);
    await hub.ack(hello.epoch, 0);
    expect(messages(await hub.take('report'))).toEqual(['1 waits']);
    expect(hub.channels).toEqual(['hello', 'hello', 'report']);
  });

  test('is no silence: a device that was asked to wait longer than a hub may be silent does not give up', async () => {
    const hello = await start();
    await answer('later', hello, { delayMs: 300_000 });
    await poll(() => device.clock.waiting().length).toBe(1);
    device.clock.advance(299_000);
    expect(device.clock.waiting()).toHaveLength(1);
    await passUntilDue(0, 76_000);
    expect(await hub.take('hello')).toMatchObject({ connection: 1 });
  });

  test('that was meant for another connection changes nothing', async () => {
    const hello = await start();
    await answer('later', { ...hello, connection: hello.connection + 1 }, { delayMs: 30_000 });
    await hub.ack(hello.epoch, 0);
    await poll(() => device.link?.up).toBe(true);
  });
});

describe('renew', () => {
  test('makes a new epoch, in which all that waits is sent anew from 1, and nothing of it twice', async () => {
    device.report('a', 'b');
    const first = await start();
    await hub.ack(first.epoch, 0);
    expect(messages(await hub.take('report'))).toEqual(['1 a', '2 b']);
    await hub.ack(first.epoch, 1);
    await poll(() => device.store.pendingReports()).toBe(1);
    await answer('renew', first, { message: 'its store was copied' });
    await passUntilDue(0, RETRY_MS);
    // The connection that was given up says its goodbye.
    expect(await hub.take('gone')).toMatchObject({ epoch: first.epoch, connection: 1 });
    const second = await hub.take('hello');
    expect(second.epoch).not.toBe(first.epoch);
    expect(second).toMatchObject({ acknowledged: 0, next: 1, connection: 2 });
    await hub.ack(second.epoch, 0);
    expect(messages(await hub.take('report'))).toEqual(['1 b']);
    expect(device.log.lines).toContainEqual(
      expect.stringMatching(/^warn: .*new epoch.*its store was copied/),
    );

    // What is still on its way to the store as it was is not for this one.
    await hub.ack(first.epoch, 1);
    await hub.ack(second.epoch, 1);
    await poll(() => device.store.pendingReports()).toBe(0);
    device.reopen();
    expect(device.store.epoch()).toBe(second.epoch);
  });
});

describe('refused', () => {
  test('is said on the box, and the hub left in peace for the time it named', async () => {
    device.report('waits');
    const hello = await start();
    const message = 'this hub speaks protocol 7 to 9';
    await answer('refused', hello, { reason: 'ProtocolMismatch', message, delayMs: 300_000 });
    await poll(() => device.link?.problem).toBe(message);
    expect(device.log.lines).toContainEqual(expect.stringMatching(`^error: ${message}.*ProtocolMismatch`));
    await hub.take('gone');
    device.clock.advance(299_000);
    expect(hub.channels).toEqual(['hello', 'gone']);
    await passUntilDue(0, 76_000);
    expect(await hub.take('hello')).toMatchObject({ connection: 2 });
    expect(device.store.pendingReports()).toBe(1);
  });
});

describe('a welcome', () => {
  test('in a protocol that the device does not speak is none', async () => {
    device.report('waits');
    const hello = await start();
    await hub.ack(hello.epoch, 0, { protocol: 2 });
    await poll(() => device.link?.problem).toMatch(/chose protocol 2, and this agent speaks 1 to 1/);
    expect(await hub.take('gone')).toMatchObject({ connection: 1 });
    expect(hub.channels).toEqual(['hello', 'gone']);
  });

  test('says over which time to spread when the link is lost, until another says otherwise', async () => {
    const delays: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const { epoch } = round === 0 ? await start() : await hub.take('hello');
      await hub.ack(epoch, 0, { spreadMs: round < 5 ? 600_000 : 0 });
      await poll(() => device.link?.up).toBe(true);
      await hub.stop();
      await poll(() => device.link?.up).toBe(false);
      hub = await startScriptedHub(hub.port);
      delays.push(await passUntilDue(0, 600_000));
    }
    const [last = Infinity, ...spread] = delays.toReversed();
    expect(last).toBeLessThanOrEqual(1_000);
    // All five below 20 s, which is what it is without being asked, has a chance of one in 24 million.
    expect(Math.max(...spread)).toBeGreaterThan(RETRY_MS);
    expect(new Set(spread).size).toBe(5);
  });

  test('that asks for everything has it told before anything else is acknowledged', async () => {
    const hello = await start();
    await hub.ack(hello.epoch, 0, { tellAll: true });
    const { reports } = await hub.take('report');
    expect(reports.map(({ body }) => (body as { kind: string }).kind)).toEqual(['desired']);
  });
});

test('reports keep the moment and the boot in which they happened, though the box was booted with its clock years back', async () => {
  const hour = 3_600_000;
  const first: Happening = {
    atMs: Date.parse('2026-03-01T08:00:00Z'),
    monotonicMs: 50 * hour,
    bootId: 'boot-1',
  };
  device.setMoment(first);
  device.report('before');
  device.reopen();
  const reset: Happening = {
    atMs: Date.parse('1970-01-01T00:00:30Z'),
    monotonicMs: 30_000,
    bootId: 'boot-2',
  };
  device.setMoment(reset);
  device.report('after');
  const sent: Happening = { atMs: reset.atMs + hour, monotonicMs: 30_000 + hour, bootId: 'boot-2' };
  device.setMoment(sent);

  const hello = await start();
  expect(hello.sent).toEqual({
    time: '1970-01-01T01:00:30.000Z',
    monotonicMs: 30_000 + hour,
    bootId: 'boot-2',
  });
  await hub.ack(hello.epoch, 0);
  const message = await hub.take('report');
  expect(message.reports).toMatchObject([
    { happenedAt: '2026-03-01T08:00:00.000Z', monotonicMs: 50 * hour, bootId: 'boot-1' },
    { happenedAt: '1970-01-01T00:00:30.000Z', monotonicMs: 30_000, bootId: 'boot-2' },
  ]);
  // The hub, an hour after the second boot's report: that one is dated by the monotonic clock, whatever the wall clock
  // said; the one of the boot before is not dated by a monotonic clock that has begun anew, and never in the future.
  const receivedMs = Date.parse('2026-03-01T10:00:00Z');
  const aheadMs = sent.atMs - receivedMs;
  const [before, after] = message.reports.map((report) =>
    happenedAtMs(report, message.sent, receivedMs, aheadMs),
  );
  expect(after).toBe(receivedMs - hour);
  expect(before).toBeLessThanOrEqual(receivedMs);
});
