import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ReportMessage } from '../../../shared/protocol/messages.ts';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { encodeDesired, hashText, splitDesired } from '../../../shared/protocol/desired.ts';
import { startProxy } from '../link/frozen-proxy.ts';
import type { Device } from './device.ts';
import { createDevice } from './device.ts';
import type { ScriptedHub } from './scripted-hub.ts';
import { startScriptedHub } from './scripted-hub.ts';

/** The device's end of the link, over the real broker and the real MQTT client. */

/** The longest wait between two tries to connect, and how long the hub may take to answer. */
const RETRY_MS = 20_000;
const ANSWER_MS = 60_000;

let hub: ScriptedHub;
let device: Device;
beforeEach(async () => {
  hub = await startScriptedHub();
  device = createDevice();
});
afterEach(async () => {
  vi.useRealTimers();
  await device.close();
  await hub.stop();
});

const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });
const sequences = ({ reports }: ReportMessage) => reports.map(({ sequence }) => sequence);
const messages = ({ reports }: ReportMessage) =>
  reports.map(({ body }) => (body as { message: string }).message);

/** Starts the agent and answers its hello. */
async function connect() {
  device.start(hub.url);
  const hello = await hub.take('hello');
  await hub.ack(hello.epoch, hello.acknowledged);
  await poll(() => device.link?.up).toBe(true);
  return hello;
}

/** Waits until the session means to try again, and lets that be now. */
async function passUntilRetry(): Promise<void> {
  await poll(() => device.clock.waiting().some((ms) => ms <= RETRY_MS)).toBe(true);
  device.clock.advance(RETRY_MS);
}

describe('hello', () => {
  test('says on each connect what is held, with a number one higher, through restarts of the agent', async () => {
    const first = await connect();
    expect(first).toMatchObject({
      protocol: { min: 1, max: 1 },
      agentVersion: '1.2.3',
      epoch: device.store.epoch(),
      connection: 1,
      generation: 0,
      hash: '',
      acknowledged: 0,
    });
    const { text, hash } = encodeDesired({ device: 'edge-1', generation: 7, machines: [] });
    for (const part of splitDesired(7, hash, text)) await hub.send('desired', part);
    await poll(() => device.store.pendingReports()).toBe(1);
    device.report();
    expect(sequences(await hub.take('report'))).toEqual([1]);
    await hub.ack(first.epoch, 1);
    await poll(() => device.store.pendingReports()).toBe(0);

    await device.stop();
    expect(await hub.take('gone')).toMatchObject({ epoch: first.epoch, connection: 1 });
    device.reopen();
    device.start(hub.url);
    expect(await hub.take('hello')).toMatchObject({
      epoch: first.epoch,
      connection: 2,
      generation: 7,
      hash,
      acknowledged: 1,
    });
  });

  test('is said again after a while on a quiet link, so that both sides compare what they hold', async () => {
    await connect();
    const [nextMs = 0] = device.clock.waiting();
    expect(nextMs).toBeGreaterThan(50 * 60_000);
    expect(nextMs).toBeLessThanOrEqual(60 * 60_000);
    device.clock.advance(nextMs);
    expect(await hub.take('hello')).toMatchObject({ connection: 1 });
    expect(device.link?.up).toBe(true);
  });
});

describe('reports', () => {
  test('wait until the hub has answered hello', async () => {
    device.report('before the start');
    device.start(hub.url);
    const { epoch } = await hub.take('hello');
    device.report('before the answer');
    await device.stop();
    expect(await hub.take('gone')).toMatchObject({ connection: 1 });

    device.start(hub.url);
    await hub.take('hello');
    await hub.ack(epoch, 0);
    expect(messages(await hub.take('report'))).toEqual(['before the start', 'before the answer']);
    expect(hub.channels).toEqual(['hello', 'gone', 'hello', 'report']);
  });

  test('are not set going by an answer that is for another store', async () => {
    device.report('mine');
    device.start(hub.url);
    const { epoch } = await hub.take('hello');
    await hub.ack('00000000-0000-4000-8000-000000000000', 1);
    await hub.send('ack', { kind: 'ack', epoch, sequence: -1 });
    await hub.ack(epoch, 0);
    const sent = await hub.take('report');
    expect([sequences(sent), messages(sent)]).toEqual([[1], ['mine']]);
    expect([device.store.acknowledged(), device.store.pendingReports()]).toEqual([0, 1]);
  });

  test('go out in one message at a time, each within what every broker takes, without a gap', async () => {
    const texts = Array.from({ length: 300 }, (_, index) => `${index} ${'ä'.repeat(400)}`);
    const { epoch } = await connect();
    device.report(...texts);
    const seen: string[] = [];
    let last = 0;
    while (seen.length < texts.length) {
      const message = await hub.take('report');
      device.report();
      expect(message.bytes).toBeLessThanOrEqual(LARGEST_PAYLOAD_BYTES);
      expect(message.epoch).toBe(epoch);
      expect(sequences(message)[0]).toBe(last + 1);
      seen.push(...messages(message));
      last = sequences(message).at(-1) ?? 0;
      await hub.ack(epoch, last);
    }
    expect(seen).toEqual(texts);
    await poll(() => device.store.pendingReports()).toBe(0);
    expect(hub.channels.filter((channel) => channel === 'report').length).toBeGreaterThan(3);
  });

  test('that happen while one message is on its way wait for its answer', async () => {
    const { epoch } = await connect();
    device.report('first');
    await hub.take('report');
    device.report('second', 'third');
    await device.stop();
    await hub.take('gone');
    expect(hub.channels).toEqual(['hello', 'report', 'gone']);

    device.start(hub.url);
    await hub.take('hello');
    await hub.ack(epoch, 0);
    expect(messages(await hub.take('report'))).toEqual(['first', 'second', 'third']);
  });

  test('are sent again from where the hub is, once it is there again', async () => {
    const { epoch } = await connect();
    device.report('a', 'b', 'c');
    await hub.take('report');
    await hub.ack(epoch, 1);
    await poll(() => device.store.acknowledged()).toBe(1);
    await hub.stop();
    hub = await startScriptedHub(hub.port);
    await passUntilRetry();
    expect(await hub.take('hello')).toMatchObject({ connection: 2, acknowledged: 1 });
    device.report('d');
    await hub.ack(epoch, 2);
    const again = await hub.take('report');
    expect([sequences(again), messages(again)]).toEqual([
      [3, 4],
      ['c', 'd'],
    ]);
  });

  test('whose answer was lost are not sent again when the hub has them', async () => {
    const { epoch } = await connect();
    device.report('a', 'b');
    await hub.take('report');
    await hub.stop();
    hub = await startScriptedHub(hub.port);
    await passUntilRetry();
    expect(await hub.take('hello')).toMatchObject({ acknowledged: 0 });
    await hub.ack(epoch, 2);
    await poll(() => device.store.pendingReports()).toBe(0);
    device.report('c');
    expect(sequences(await hub.take('report'))).toEqual([3]);
  });
});

describe('a hub that is silent', () => {
  test('after hello is given up, and connected to again', async () => {
    device.start(hub.url);
    await hub.take('hello');
    await poll(() => device.clock.waiting().includes(ANSWER_MS)).toBe(true);
    device.clock.advance(ANSWER_MS - 1);
    expect(device.clock.waiting()[0]).toBe(1);
    device.clock.advance(1);
    expect(await hub.take('gone')).toMatchObject({ connection: 1 });
    await passUntilRetry();
    expect(await hub.take('hello')).toMatchObject({ connection: 2 });
    expect(device.link?.up).toBe(false);
  });

  test('after reports is given up, and they are sent again on the next connection', async () => {
    const { epoch } = await connect();
    device.report('a');
    await hub.take('report');
    device.clock.advance(ANSWER_MS);
    expect(device.link?.up).toBe(false);
    await hub.take('gone');
    await passUntilRetry();
    expect(await hub.take('hello')).toMatchObject({ connection: 2 });
    await hub.ack(epoch, 0);
    expect(sequences(await hub.take('report'))).toEqual([1]);
  });

  test('about reports is given up also where it answers something else', async () => {
    const { epoch } = await connect();
    device.report('a');
    await hub.take('report');
    await hub.ack(epoch, 0);
    await hub.send('ack', { kind: 'ack', epoch, sequence: 0 });
    const { text, hash } = encodeDesired({ device: 'edge-1', generation: 1, machines: [] });
    for (const part of splitDesired(1, hash, text)) await hub.send('desired', part);
    await poll(() => device.store.desired()?.generation).toBe(1);
    device.clock.advance(ANSWER_MS);
    await hub.take('gone');
    await passUntilRetry();
    expect(await hub.take('hello')).toMatchObject({ connection: 2 });
  });

  test('is waited for with longer and longer pauses, up to a bound, and with short ones once it answered', async () => {
    const pauses: number[] = [];
    await hub.stop();
    device.start(hub.url);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      await poll(() => device.clock.waiting().length).toBe(1);
      pauses.push(device.clock.waiting()[0] ?? 0);
      device.clock.advance(RETRY_MS);
    }
    for (const [attempt, ms] of pauses.entries()) {
      const longest = Math.min(1_000 * 2 ** attempt, RETRY_MS);
      expect(ms).toBeGreaterThanOrEqual(attempt === 0 ? 0 : longest / 2);
      expect(ms).toBeLessThanOrEqual(longest);
    }
    await poll(() => device.clock.waiting().length).toBe(1);
    hub = await startScriptedHub(hub.port);
    device.clock.advance(RETRY_MS);
    const { epoch } = await hub.take('hello');
    await hub.ack(epoch, 0);
    await poll(() => device.link?.up).toBe(true);
    await hub.stop();
    await poll(() => device.link?.up).toBe(false);
    expect(device.clock.waiting()[0]).toBeLessThanOrEqual(1_000);
  });
});

describe('the link', () => {
  test('is up once the hub has answered, down when it is lost, and both are stored with their times', async () => {
    const startedMs = device.clock.now();
    device.start(hub.url);
    expect(device.store.link()).toEqual({ up: false, sinceMs: startedMs });
    const { epoch } = await hub.take('hello');
    device.clock.advance(5_000);
    await hub.ack(epoch, 0);
    await poll(() => device.link).toEqual({ up: true, sinceMs: startedMs + 5_000 });
    expect(device.store.link()).toEqual(device.link);

    device.clock.advance(60_000);
    await hub.stop();
    await poll(() => device.link).toMatchObject({ up: false, sinceMs: startedMs + 65_000 });
    expect(device.store.link()).toEqual({ up: false, sinceMs: startedMs + 65_000 });
    await passUntilRetry();
    await poll(() => device.clock.waiting().length).toBe(1);
    expect(device.link).toMatchObject({ up: false, sinceMs: startedMs + 65_000 });
    expect(device.link?.problem).toMatch(/ECONNREFUSED|closed/);

    hub = await startScriptedHub(hub.port);
    await passUntilRetry();
    await hub.take('hello');
    await hub.ack(epoch, 0);
    await poll(() => device.link?.up).toBe(true);
  });

  test('that was down before a restart is down since then, and one that was up since the restart', async () => {
    device.store.saveLink({ up: false, sinceMs: 1_000 });
    device.start(hub.url);
    expect(device.link).toEqual({ up: false, sinceMs: 1_000 });
    await hub.take('hello');
    await device.stop();
    device.reopen();
    device.store.saveLink({ up: true, sinceMs: 2_000 });
    device.start(hub.url);
    expect(device.link).toEqual({ up: false, sinceMs: device.clock.now() });
    expect(device.store.link()).toEqual(device.link);
  });

  test('is taken leave of politely, once, and nothing follows', async () => {
    const { epoch } = await connect();
    await device.stop();
    expect(await hub.take('gone')).toMatchObject({ epoch, connection: 1 });
    expect(device.store.link()?.up).toBe(false);
    expect(device.clock.waiting()).toEqual([]);
    device.start(hub.url);
    await hub.take('hello');
    expect(hub.channels).toEqual(['hello', 'gone', 'hello']);
  });

  test('that went dead does not keep the agent from stopping', async () => {
    const proxy = await startProxy(hub.url.slice('mqtt://'.length));
    device.start(`mqtt://${proxy.address}`);
    const { epoch } = await hub.take('hello');
    await hub.ack(epoch, 0);
    await poll(() => device.link?.up).toBe(true);
    proxy.freeze();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stopped = device.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    await stopped;
    vi.useRealTimers();
    expect(device.store.link()?.up).toBe(false);
    expect(device.clock.waiting()).toEqual([]);
    await proxy.close();
  });

  test('that is being made when the agent stops is not kept', async () => {
    device.start(hub.url);
    await device.stop();
    expect(await hub.take('gone')).toMatchObject({ connection: 1 });
    device.start(hub.url);
    expect(await hub.take('hello')).toMatchObject({ connection: 2 });
    expect(hub.channels).toEqual(['gone', 'hello']);
  });
});

describe('a long document over a link that is lost again and again', () => {
  test('goes on from the parts that came, which each hello names', async () => {
    const noise = Array.from({ length: 4_000 }, (_, index) => hashText(`${index}`)).join('');
    const { text, hash } = encodeDesired({ device: 'edge-1', generation: 1, machines: [{ noise }] });
    const parts = splitDesired(1, hash, text);
    expect(parts.length).toBeGreaterThan(2);
    device.start(hub.url);
    for (const [index, part] of parts.entries()) {
      const { epoch, partial } = await hub.take('hello');
      const before = parts.slice(0, index).map((one) => one.part);
      expect(partial).toEqual(index === 0 ? undefined : { hash, parts: before });
      await hub.ack(epoch, 0);
      await poll(() => device.link?.up).toBe(true);
      await hub.send('desired', part);
      if (index === parts.length - 1) break;
      // Its answer says that the part before it has come.
      await hub.send('request', { id: epoch, expiresAt: '2100-01-01T00:00:00Z', body: { verb: 'ping' } });
      expect(await hub.take('response')).toMatchObject({ outcome: 'done' });
      await hub.stop();
      hub = await startScriptedHub(hub.port);
      await passUntilRetry();
    }
    await poll(() => device.store.desired()).toEqual({ generation: 1, hash });
  });
});
