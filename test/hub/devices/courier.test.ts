import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Courier } from '../../../hub/devices/courier.ts';
import { createCourier } from '../../../hub/devices/courier.ts';
import type { DocumentRow } from '../../../hub/ports.ts';
import { hashText } from '../../../shared/protocol/desired.ts';
import type { DesiredMessage } from '../../../shared/protocol/messages.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import type { ManualClock } from '../../shared/manual-clock.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

const MINUTE_MS = 60_000;

let clock: ManualClock;
let courier: Courier;
let document: DocumentRow | undefined;
/** What was published, as `device generation/part`; each waits for `release` where `held` is set. */
let published: string[];
let held: boolean;
let release: () => void;
beforeEach(() => {
  clock = createManualClock();
  published = [];
  held = false;
  release = () => {};
  document = documentOf(1);
  courier = createCourier({
    clock,
    log: createLogRecorder(),
    findDocument: async (device) => (document === undefined ? undefined : { ...document, device }),
    broker: {
      async publish(device, _channel, payload) {
        const { generation, part } = JSON.parse(Buffer.from(payload).toString()) as DesiredMessage;
        published.push(`${device} ${generation}/${part}`);
        if (held) await new Promise<void>((resolve) => (release = resolve));
      },
    },
  });
});
afterEach(async () => {
  release();
  await courier.stop();
  expect(clock.waiting()).toEqual([]);
});

/** A document in several parts: what does not repeat itself is not made smaller by packing. */
function documentOf(generation: number): DocumentRow {
  const noise = Array.from({ length: 4_000 }, (_, index) => hashText(`${generation} ${index}`)).join('');
  return { device: 'edge-1', generation, hash: hashText(noise), text: noise };
}

const poll = (look: () => unknown) => expect.poll(look, { interval: 5 });

test('a document that is replaced while it is on its way is not sent to its end: the latest wins', async () => {
  held = true;
  courier.sendDesired('edge-1');
  await poll(() => published).toEqual(['edge-1 1/0']);
  document = documentOf(2);
  courier.sendDesired('edge-1');
  courier.sendDesired('edge-1');
  held = false;
  release();
  await poll(() => published).toEqual(['edge-1 1/0', 'edge-1 2/0', 'edge-1 2/1', 'edge-1 2/2']);
});

test('a device that takes nothing keeps no other waiting', async () => {
  held = true;
  courier.sendDesired('edge-1');
  await poll(() => published).toEqual(['edge-1 1/0']);
  held = false;
  courier.sendDesired('edge-2');
  await poll(() => published.filter((one) => one.startsWith('edge-2'))).toHaveLength(3);
});

test('parts that a device has already are not sent again', async () => {
  courier.sendDesired('edge-1', { hash: document?.hash ?? '', parts: [0, 2] });
  await poll(() => published).toEqual(['edge-1 1/1']);
  courier.sendDesired('edge-2', { hash: 'of another document', parts: [0, 2] });
  await poll(() => published.length).toBe(4);
});

test('a document that is not held is sent again, less and less often, until it is', async () => {
  courier.sendDesired('edge-1');
  await poll(() => published.length).toBe(3);
  clock.advance(MINUTE_MS);
  await poll(() => published.length).toBe(6);
  clock.advance(MINUTE_MS);
  expect(clock.waiting()).toEqual([MINUTE_MS]);
  clock.advance(MINUTE_MS);
  await poll(() => published.length).toBe(9);
  courier.noteHeld('edge-1', 0);
  expect(clock.waiting()).toHaveLength(1);
  courier.noteHeld('edge-1', 1);
  expect(clock.waiting()).toEqual([]);
});

test('nothing is sent to a device that is to get nothing, or is gone', async () => {
  courier.sendDesired('edge-1');
  await poll(() => published.length).toBe(3);
  courier.forget('edge-1');
  expect(clock.waiting()).toEqual([]);
  document = undefined;
  courier.sendDesired('edge-1');
  document = documentOf(3);
  courier.sendDesired('edge-2');
  await poll(() => published.filter((one) => one.startsWith('edge-2'))).toHaveLength(3);
  expect(published.filter((one) => one.startsWith('edge-1'))).toHaveLength(3);
});
