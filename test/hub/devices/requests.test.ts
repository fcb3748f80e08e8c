import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Requests } from '../../../hub/devices/requests.ts';
import { createRequests } from '../../../hub/devices/requests.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { RequestMessage, ResponseMessage } from '../../../shared/protocol/messages.ts';
import type { ManualClock } from '../../shared/manual-clock.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

let clock: ManualClock;
let sent: [device: string, request: RequestMessage][];
let requests: Requests;
beforeEach(() => {
  clock = createManualClock(Date.parse('2026-03-01T08:00:00Z'));
  sent = [];
  const send = (device: string, request: RequestMessage) => void sent.push([device, request]);
  requests = createRequests({ clock, random: createRandom(), send });
});
afterEach(() => {
  requests.stop();
  expect(clock.waiting()).toEqual([]);
});

const ID = '11111111-1111-4111-8111-111111111111';
const ping = { verb: 'ping' } as const;
const done = (id: string): ResponseMessage => ({ id, outcome: 'done', reason: 'Done', message: 'it is' });

test('a request goes out with its deadline, and its answer comes back', async () => {
  const asked = requests.ask('edge-1', ping, { deadlineMs: 30_000 });
  const [[device, request] = ['', undefined]] = sent;
  expect([device, request]).toMatchObject(['edge-1', { expiresAt: '2026-03-01T08:00:30.000Z', body: ping }]);
  requests.take('edge-1', done(request?.id ?? ''));
  expect(await asked).toMatchObject({ outcome: 'done' });
});

test('it is said again, the same, for as long as no answer came', async () => {
  const asked = requests.ask('edge-1', ping, { deadlineMs: 30_000 });
  clock.advance(12_000);
  expect(sent).toHaveLength(3);
  expect(new Set(sent.map(([, { id }]) => id)).size).toBe(1);
  requests.take('edge-1', done(sent[0]?.[1].id ?? ''));
  await asked;
  clock.advance(12_000);
  expect(sent).toHaveLength(3);
});

test('without an answer it fails at its deadline, and says which device', async () => {
  const asked = requests.ask('edge-1', ping, { deadlineMs: 30_000 });
  const failed = expect(asked).rejects.toMatchObject({
    code: 'DeadlineExceeded',
    message: 'device edge-1 did not answer within 30 s',
  });
  clock.advance(30_000);
  await failed;
});

test('two of one key are one request with one answer', async () => {
  const both = [1, 2].map(() => requests.ask('edge-1', ping, { id: ID, deadlineMs: 30_000 }));
  expect(sent).toHaveLength(1);
  requests.take('edge-1', done(ID));
  expect(await Promise.all(both)).toEqual([done(ID), done(ID)]);
});

test('another device can not answer for it', async () => {
  const asked = requests.ask('edge-1', ping, { id: ID, deadlineMs: 30_000 });
  requests.take('edge-2', { ...done(ID), message: 'mine' });
  requests.take('edge-1', done(ID));
  expect((await asked).message).toBe('it is');
});

test('no more wait than there is room for, and a hub that stops lets none wait', async () => {
  const waiting = Array.from({ length: 1_000 }, () => requests.ask('edge-1', ping, { deadlineMs: 1_000 }));
  const ended = Promise.allSettled(waiting);
  await expect(requests.ask('edge-1', ping, { deadlineMs: 1_000 })).rejects.toMatchObject({
    code: 'TooManyRequests',
  });
  requests.stop();
  expect(new Set((await ended).map(({ status }) => status))).toEqual(new Set(['rejected']));
});
