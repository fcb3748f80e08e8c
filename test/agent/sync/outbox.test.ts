import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../../agent/ports.ts';
import { createStore } from '../../../agent/store/store.ts';
import type { Outbox } from '../../../agent/sync/outbox.ts';
import { createOutbox } from '../../../agent/sync/outbox.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { HAPPENING, event } from '../../contract/agent-store.ts';
import type { ManualClock } from '../../shared/manual-clock.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

let folder: string;
let store: Store;
let clock: ManualClock;
let outbox: Outbox;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-outbox-'));
  store = createStore(join(folder, 'agent.db'), createRandom());
  clock = createManualClock();
  outbox = createOutbox(store, clock);
  store.transaction(() => {
    for (let index = 0; index < 2_000; index += 1) store.appendEvent(event('x'.repeat(500)), HAPPENING);
  });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

/** Sends one message and has it answered after `ms`; the result is its size. */
function exchange(ms: number): number {
  const reports = outbox.next();
  clock.advance(ms);
  outbox.acknowledge(reports.at(-1)?.sequence ?? 0);
  return Buffer.byteLength(JSON.stringify(reports));
}

test('messages begin small, and double while answers come soon, up to what every broker takes', () => {
  const sizes = Array.from({ length: 7 }, () => exchange(100));
  for (const [index, size] of sizes.entries()) {
    const most = Math.min(8 * 1024 * 2 ** index, LARGEST_PAYLOAD_BYTES - 1024);
    expect(size).toBeLessThanOrEqual(most);
    expect(size).toBeGreaterThan(most / 2);
  }
});

test('over a link that takes long for one, messages stay as they are', () => {
  for (let index = 0; index < 4; index += 1) expect(exchange(3_000)).toBeLessThanOrEqual(8 * 1024);
  exchange(100);
  expect(exchange(3_000)).toBeGreaterThan(8 * 1024);
});

test('a message that is acknowledged in part is waited for, and then the next goes out behind it', () => {
  const sent = outbox.next();
  expect(sent.length).toBeGreaterThan(5);
  outbox.acknowledge(3);
  expect([outbox.settled(), outbox.next()]).toEqual([false, []]);
  outbox.acknowledge(sent.length);
  expect(outbox.settled()).toBe(true);
  expect(outbox.next()[0]?.sequence).toBe(sent.length + 1);
});

test('another connection begins small again, with what is not acknowledged', () => {
  for (let index = 0; index < 4; index += 1) exchange(100);
  const lost = outbox.next();
  const next = createOutbox(store, clock);
  const again = next.next();
  expect(again[0]).toEqual(lost[0]);
  expect(again.length).toBeLessThan(lost.length / 4);
});
