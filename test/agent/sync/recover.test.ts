import { afterEach, beforeEach, expect, test } from 'vitest';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import type { ReportMessage } from '../../../shared/protocol/messages.ts';
import { HAPPENING } from '../../contract/agent-store.ts';
import { statusOf } from '../../hub/start-hub.ts';
import type { Device } from './device.ts';
import { createDevice } from './device.ts';
import type { ScriptedHub } from './scripted-hub.ts';
import { startScriptedHub } from './scripted-hub.ts';

/** What the device says to a hub that knows less than it did, or that has heard another box by its name. */

const POS = '11111111-aaaa-4aaa-8aaa-111111111111';
const VIDEO = '22222222-aaaa-4aaa-8aaa-222222222222';

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

const bodies = ({ reports }: ReportMessage) => reports.map(({ body }) => body);
/** Takes reports and acknowledges them, until so many have come. */
async function takeReports(count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) {
    const message = await hub.take('report');
    taken.push(...bodies(message));
    await hub.ack(message.epoch, message.reports.at(-1)?.sequence ?? 0);
  }
  return taken;
}

test('all that is held is told in one go, each machine with its status, and last that this was all', async () => {
  const pos = { uid: POS, name: 'pos' };
  const status = statusOf(POS, 'pos', 'Running');
  device.store.saveDesired(7, 'hash', '{}');
  device.store.putMachine({ uid: POS, desired: pos, memory: { ...EMPTY_MEMORY, reported: status } });
  device.store.putMachine({ uid: VIDEO, desired: { uid: VIDEO }, memory: EMPTY_MEMORY });
  // Left over from an earlier telling: it does not end this one.
  device.store.putStatus('told', { kind: 'told', generation: 6, machines: [] }, HAPPENING);
  device.start(hub.url);
  const { epoch } = await hub.take('hello');
  await hub.ack(epoch, 0, { tellAll: true });
  expect(await takeReports(3)).toEqual([
    { kind: 'held', generation: 7, entry: pos, status },
    { kind: 'held', generation: 7, entry: { uid: VIDEO } },
    { kind: 'told', generation: 7, machines: [POS, VIDEO] },
  ]);
});

test('in a new epoch nothing is told again that the hub has, and all else is', async () => {
  device.start(hub.url);
  const first = await hub.take('hello');
  await hub.ack(first.epoch, 0);
  await expect.poll(() => device.link?.up, { interval: 5 }).toBe(true);
  device.report('committed', 'lost');
  await hub.take('report');
  const { epoch, connection } = first;
  await hub.send('ack', { kind: 'renew', epoch, connection, sequence: 1, message: 'its disk was copied' });
  await expect.poll(() => device.store.epoch(), { interval: 5 }).not.toBe(epoch);
  await hub.take('gone');
  await expect.poll(() => device.clock.waiting().some((ms) => ms <= 20_000), { interval: 5 }).toBe(true);
  device.clock.advance(20_000);
  const second = await hub.take('hello');
  expect(second).toMatchObject({ acknowledged: 0, next: 1 });
  await hub.ack(second.epoch, 0);
  const { reports } = await hub.take('report');
  expect(reports).toMatchObject([{ sequence: 1, body: { message: 'lost' } }]);
});
