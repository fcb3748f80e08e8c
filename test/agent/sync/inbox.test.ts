import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../../agent/ports.ts';
import { createStore } from '../../../agent/store/store.ts';
import type { Inbox } from '../../../agent/sync/inbox.ts';
import { createInbox } from '../../../agent/sync/inbox.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { encodeDesired, hashText, splitDesired } from '../../../shared/protocol/desired.ts';
import type { DesiredMessage } from '../../../shared/protocol/messages.ts';
import { encodeMessage } from '../../../shared/protocol/messages.ts';
import { HAPPENING } from '../../contract/agent-store.ts';
import type { LogRecorder } from '../../shared/log-recorder.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';

const POS = '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e';
const VIDEO = '1c0f7d2d-64b6-4e41-8e4f-207a1c2d3e4f';

let folder: string;
let store: Store;
let log: LogRecorder;
let inbox: Inbox;
let stored: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-inbox-'));
  store = createStore(join(folder, 'agent.db'), createRandom());
  log = createLogRecorder();
  stored = 0;
  const happening = () => HAPPENING;
  inbox = createInbox({ device: 'edge-1', store, log, happening, stored: () => (stored += 1) });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

const machine = (uid: string, name: string, more: object = {}) => ({
  uid,
  namespace: 'default',
  name,
  kind: 'VirtualMachine',
  ...more,
});

function messagesOf(generation: number, machines: Record<string, unknown>[], device = 'edge-1') {
  const { text, hash } = encodeDesired({ device, generation, machines });
  return splitDesired(generation, hash, text);
}

function receive(...messages: readonly DesiredMessage[]): void {
  for (const message of messages) inbox.receive(encodeMessage(message));
}

const held = () => store.machines().map(({ desired }) => (desired as { name: string }).name);
const warnings = () => log.lines.filter((line) => line.startsWith('warn'));

/** Nothing was stored, nothing was woken, and the log says why. */
function expectRefused(why: RegExp | string): void {
  expect(store.desired()?.generation).toBe(1);
  expect([held(), stored]).toEqual([['pos'], 1]);
  expect(warnings()).toEqual([expect.stringMatching(why)]);
}

test('a document is stored whole, and that it is held is reported, before anything is woken', () => {
  receive(...messagesOf(1, [machine(POS, 'pos', { anything: true }), machine(VIDEO, 'video')]));
  expect(store.desired()).toMatchObject({
    generation: 1,
    hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect(held()).toEqual(['pos', 'video']);
  expect(store.reportsAfter(0, 2 ** 20).map(({ body }) => body)).toEqual([
    { kind: 'desired', generation: 1, problems: [] },
  ]);
  expect([stored, warnings()]).toEqual([1, []]);
});

test('a newer one changes what it names, and keeps what is remembered of each machine', () => {
  receive(...messagesOf(1, [machine(POS, 'pos'), machine(VIDEO, 'video')]));
  const memory = { failures: 3, run: { number: 7 } };
  store.putMachine({ uid: POS, desired: {}, memory });
  receive(...messagesOf(5, [machine(POS, 'till')]));
  expect(store.machines()).toMatchObject([
    { uid: POS, desired: { name: 'till' }, memory },
    { uid: VIDEO, desired: { name: 'video' } },
  ]);
  expect([store.desired()?.generation, stored]).toEqual([5, 2]);
});

test('an entry that does not say which machine it is about is reported, and the others are stored', () => {
  const nameless = { ...machine(VIDEO, 'video'), name: undefined };
  receive(...messagesOf(1, [{}, machine(POS, 'pos'), nameless, machine('../../etc', 'evil')]));
  expect(held()).toEqual(['pos']);
  const [report] = store.reportsAfter(0, 2 ** 20);
  expect(report?.body).toMatchObject({
    kind: 'desired',
    generation: 1,
    problems: [
      expect.stringMatching(/^machines\[0\]: .*uid: is required/) as string,
      'machines[2]: name: is required',
      'machines[3]: uid: must be a UUID',
    ],
  });
});

describe('what is held stays, and why is said, when there comes', () => {
  beforeEach(() => receive(...messagesOf(1, [machine(POS, 'pos')])));

  test('a document for another device', () => {
    receive(...messagesOf(2, [], 'edge-2'));
    expectRefused('it is for the device edge-2, not edge-1');
  });

  test('one that says something else with the same generation', () => {
    receive(...messagesOf(1, [machine(POS, 'other')]));
    expectRefused('its generation 1 is not above 1');
  });

  test('one of a lower generation', () => {
    receive(...messagesOf(3, [machine(POS, 'pos')]));
    receive(...messagesOf(2, [machine(POS, 'older')]));
    expect([store.desired()?.generation, held(), stored]).toEqual([3, ['pos'], 2]);
    expect(warnings()).toEqual([expect.stringContaining('its generation 2 is not above 3')]);
  });

  test('a text that does not have its hash', () => {
    receive(...messagesOf(2, []).map((message) => ({ ...message, hash: hashText('another') })));
    expectRefused('does not have its hash');
  });

  test.each([
    ['no text', '', 'is not JSON'],
    ['no document', '{"device":"edge-1"}', 'generation: is required; machines: is required'],
    ['no generation', '{"device":"edge-1","generation":0,"machines":[]}', 'generation: '],
    ['more than is known', '{"device":"edge-1","generation":2,"machines":[],"a":1}', 'a: unknown field'],
  ])('a content that is %s', (_, text, why) => {
    receive(...splitDesired(2, hashText(text), text));
    expectRefused(why);
  });

  test('a content that is not compressed', () => {
    const [message] = messagesOf(2, []);
    if (message === undefined) throw new Error('a document has parts');
    receive({ ...message, content: Buffer.from('{}').toString('base64') });
    expectRefused("can't be unpacked");
  });

  test('a content that would fill the memory', () => {
    const text = ' '.repeat(65 * 1024 * 1024);
    const [message] = messagesOf(2, []);
    if (message === undefined) throw new Error('a document has parts');
    receive({ ...message, content: gzipSync(text).toString('base64') });
    expectRefused("can't be unpacked");
  });

  test.each(['', '{', 'null', '[]', '{"generation":2}', '\0\u0001', '"text"'])(
    'the payload %j',
    (payload) => {
      inbox.receive(Buffer.from(payload));
      expectRefused(/refused/);
    },
  );
});

test('what is held already may come again without a word', () => {
  const messages = messagesOf(1, [machine(POS, 'pos')]);
  receive(...messages, ...messages);
  expect([stored, warnings(), store.pendingReports()]).toEqual([1, [], 1]);
});

describe('a document in parts', () => {
  const large = (generation: number, name: string) =>
    messagesOf(generation, [
      machine(POS, name, { filling: Array.from({ length: 9_000 }, (_, n) => hashText(`${name} ${n}`)) }),
    ]);

  test('is stored when the last of them is in, in whatever order they come', () => {
    const parts = large(1, 'pos').toReversed();
    expect(parts.length).toBeGreaterThan(3);
    receive(...parts.slice(0, -1));
    expect([store.desired(), stored]).toEqual([undefined, 0]);
    receive(...parts.slice(-1));
    expect([held(), stored]).toEqual([['pos'], 1]);
  });

  test('gives way to a newer one that comes in between', () => {
    const [older, newer] = [large(1, 'older'), large(2, 'newer')];
    receive(...older.slice(0, 2), ...newer.slice(0, 2), ...older.slice(2), ...newer.slice(2));
    expect([held(), store.desired()?.generation, stored]).toEqual([['newer'], 2, 1]);
  });

  test('of which one never came is sent again as a whole, and then it is stored', () => {
    const parts = large(1, 'pos');
    receive(...parts.filter(({ part }) => part !== 1));
    expect(stored).toBe(0);
    receive(...parts);
    expect([held(), stored]).toEqual([['pos'], 1]);
  });
});
