import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HubWorld } from './hub-world.ts';
import { poll, startHub } from './hub-world.ts';
import type { ScriptedDevice } from './scripted-device.ts';
import { event, reportOf, SENT } from './scripted-device.ts';

/** How the hub takes in what a device reports. */

let hub: HubWorld;
let device: ScriptedDevice;
beforeEach(async () => {
  hub = await startHub();
  device = await hub.connect();
  await device.hello();
  expect(await device.takeAck()).toBe(0);
});
afterEach(() => hub.close());

/** The events that the hub has, as `sequence message`, in order. */
async function told(): Promise<string[]> {
  const events = await hub.events();
  const numbered = events.map(({ metadata, message }) => {
    return { sequence: Number(metadata.annotations?.['holdfast.dev/sequence']), message };
  });
  return numbered.sort((a, b) => a.sequence - b.sequence).map((one) => `${one.sequence} ${one.message}`);
}

test('reports are acknowledged when they are stored, each event once, with when it happened', async () => {
  await device.report(reportOf(1, event('one')), reportOf(2, event('two')));
  expect(await device.takeAck()).toBe(2);
  await poll(told).toEqual(['1 one', '2 two']);
  const [first, second] = await hub.events();
  expect(first).toMatchObject({
    metadata: { annotations: { 'holdfast.dev/device-time': '2026-03-01T08:00:01.000Z' } },
    reason: 'Tested',
    type: 'Normal',
    involvedObject: { kind: 'Device', name: 'edge-1' },
    source: { host: 'edge-1' },
  });
  // The device's clock is months behind: by its monotonic clock they happened 9 and 8 seconds before they were sent.
  const agoMs = (found: typeof first) => Date.now() - Date.parse(found?.eventTime ?? '');
  expect(agoMs(first) - agoMs(second)).toBeCloseTo(1_000, -1);
  expect(agoMs(second)).toBeGreaterThanOrEqual(8_000);
  expect(agoMs(second)).toBeLessThan(60_000);
});

test('reports that came before are acknowledged again, and not taken again', async () => {
  const first = [reportOf(1, event('one')), reportOf(2, event('two'))];
  await device.report(...first);
  await device.report(...first);
  await device.report(...first, reportOf(3, event('three')));
  expect([await device.takeAck(), await device.takeAck(), await device.takeAck()]).toEqual([2, 2, 3]);
  await poll(told).toEqual(['1 one', '2 two', '3 three']);
});

test('an old report that comes once more undoes nothing of what came after it', async () => {
  const held = (generation: number) => ({ kind: 'desired', generation, problems: [] });
  const reports = [reportOf(1, held(1)), reportOf(2, held(2)), reportOf(3, held(3))] as const;
  await device.report(...reports);
  await device.report(reports[0]);
  await device.report(reports[0], reports[1]);
  expect([await device.takeAck(), await device.takeAck(), await device.takeAck()]).toEqual([3, 3, 3]);
  await poll(async () => (await hub.device('edge-1'))?.status?.observedGeneration).toBe(3);
});

test('nothing beyond a gap is taken, and the device is told where the hub is', async () => {
  await device.report(reportOf(1, event('one')), reportOf(3, event('three')));
  expect(await device.takeAck()).toBe(1);
  await device.report(reportOf(4, event('four')));
  expect(await device.takeAck()).toBe(1);
  await poll(told).toEqual(['1 one']);
  await device.report(reportOf(2, event('two')), reportOf(3, event('three')), reportOf(4, event('four')));
  expect(await device.takeAck()).toBe(4);
  await poll(told).toEqual(['1 one', '2 two', '3 three', '4 four']);
});

test('a message that fails half-way leaves nothing behind, is not acknowledged, and is taken when it comes again', async () => {
  hub.sql(`
    CREATE TRIGGER fail BEFORE INSERT ON timeline WHEN NEW.message LIKE '%poison%'
    BEGIN SELECT RAISE(ABORT, 'the disk failed'); END`);
  const message = [reportOf(1, event('one')), reportOf(2, event('poison')), reportOf(3, event('three'))];
  await device.report(...message);
  await device.hello();
  expect(await device.takeAck()).toBe(0);
  expect(await told()).toEqual([]);
  expect(hub.log.lines).toContainEqual(expect.stringContaining('the disk failed'));

  hub.sql('DROP TRIGGER fail');
  await device.report(...message);
  expect(await device.takeAck()).toBe(3);
  await poll(told).toEqual(['1 one', '2 poison', '3 three']);
});

test('a report that this hub can not read is kept as an event, and the stream goes on', async () => {
  const unreadable = { kind: 'weather', sky: 'grey' };
  await device.report(reportOf(1, unreadable), reportOf(2, event('two')), reportOf(3, { kind: 'event' }));
  expect(await device.takeAck()).toBe(3);
  await poll(async () => (await told()).length).toBe(3);
  const [first, second, third] = await told();
  expect(first).toContain('{"kind":"weather","sky":"grey"}');
  expect(second).toBe('2 two');
  expect(third).toMatch(/reason: is required/);
  const events = await hub.events();
  expect(
    events.filter(({ reason, type }) => reason === 'UnreadableReport' && type === 'Warning'),
  ).toHaveLength(2);
});

test('reports of another store than the one that said hello are not taken', async () => {
  const reports = [reportOf(1, event('of another'))];
  await device.say('report', { epoch: randomUUID(), connection: 1, sent: SENT, reports });
  await device.report(reportOf(1, event('mine')));
  expect(await device.takeAck()).toBe(1);
  await poll(told).toEqual(['1 mine']);
});

test('a store that was made anew begins anew, and takes nothing from the events of the one before', async () => {
  await device.report(reportOf(1, event('before')), reportOf(2, event('before too')));
  expect(await device.takeAck()).toBe(2);
  const anew = await hub.connect({ connection: 1 });
  await anew.hello();
  expect(await anew.takeAck()).toBe(0);
  await anew.report(reportOf(1, event('after')));
  expect(await anew.takeAck()).toBe(1);
  await poll(async () => (await told()).toSorted()).toEqual(['1 after', '1 before', '2 before too']);
});

test.each(['', '{', '[]', 'null', '{"reports":[]}', '\0'])(
  'what is no message (%j) is refused on every channel, and the next is taken',
  async (payload) => {
    for (const channel of ['hello', 'report', 'gone', 'response'] as const)
      await device.say(channel, payload);
    await device.report(reportOf(1, event('one')));
    expect(await device.takeAck()).toBe(1);
    expect(await hub.condition('edge-1', 'Connected')).toMatch(/^True/);
  },
);

test('one device that reports a lot keeps no other waiting for its turn', async () => {
  const other = await hub.connect({ name: 'edge-2' });
  await other.hello();
  expect(await other.takeAck()).toBe(0);
  const many = Array.from({ length: 20 }, (_, index) =>
    device.report(...Array.from({ length: 80 }, (_one, at) => reportOf(index * 80 + at + 1, event('many')))),
  );
  await other.report(reportOf(1, event('one')));
  expect(await other.takeAck()).toBe(1);
  await Promise.all(many);
  await poll(() => device.acks.at(-1)).toBe(1_600);
  // In the order in which they were taken: not after all twenty messages that were sent before.
  const devices = hub.query("SELECT device FROM timeline WHERE kind = 'event' ORDER BY id");
  expect(devices.indexOf('edge-2')).toBeLessThan(20 * 80);
});

test("what a device says of itself is in its object, beside the hub's own knowledge", async () => {
  const facts = {
    agentVersion: '1.2.3',
    nodeVersion: 'v26.0.0',
    operatingSystem: 'Debian',
    kernel: '6.1',
    bootId: 'boot-1',
    cpuModel: 'a CPU',
    cpuCores: 4,
    memoryBytes: 8,
    diskBytes: 10,
    acceleratorReason: 'it was tried',
  };
  await device.report(reportOf(1, { kind: 'device', facts }));
  expect(await device.takeAck()).toBe(1);
  await poll(async () => (await hub.device('edge-1'))?.status).toMatchObject({ facts, machines: 0 });
  expect(await hub.condition('edge-1', 'Connected')).toMatch(/^True/);
});
