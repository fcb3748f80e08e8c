import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../../../agent/ports.ts';
import { createStoreIn } from '../../../agent/store/store.ts';
import type { Requests } from '../../../agent/sync/requests.ts';
import { createRequests } from '../../../agent/sync/requests.ts';
import { EffectError } from '../../../shared/base/errors.ts';
import { formatTime } from '../../../shared/base/time.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { RequestBody, ResponseMessage } from '../../../shared/protocol/messages.ts';
import { encodeMessage } from '../../../shared/protocol/messages.ts';
import { HAPPENING, event } from '../../contract/agent-store.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

const ID = '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e';
const OTHER_ID = '1c0f7d2d-64b6-4e41-8e4f-207a1c2d3e4f';
const PING = { verb: 'ping' };
/** The hub's time; the box's battery is empty, and its clock says 1970. */
const HUB_MS = Date.parse('2026-03-01T08:00:00Z');

const clock = createManualClock(0);
const log = createLogRecorder();
let folder: string;
let database: Sqlite.Database;
let store: Store;
let requests: Requests;
let done: RequestBody['verb'][];
let work: () => void;
let find: () => object;
let later: ResponseMessage[];

function open(): void {
  database = new Sqlite(join(folder, 'agent.db'));
  store = createStoreIn(database, 'agent.db', createRandom());
  const carryOut = ({ verb }: RequestBody) => {
    store.appendEvent(event(verb), HAPPENING);
    work();
    done.push(verb);
    return `${verb} is done`;
  };
  requests = createRequests({ store, clock, log, carryOut, find: async () => find() });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-requests-'));
  done = [];
  later = [];
  work = () => {};
  open();
  requests.setHubTime(formatTime(HUB_MS));
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

/** As from the hub, to be done within `seconds` of its time. */
const ask = (id: string, seconds: number, body: object = PING) =>
  requests.answer(encodeMessage({ id, expiresAt: formatTime(HUB_MS + seconds * 1_000), body }), (response) =>
    later.push(response),
  );
const answered = { id: ID, outcome: 'done', reason: 'Done', message: 'ping is done' };

test('a request is carried out once, however often it comes, also to an agent that was started again', () => {
  expect([ask(ID, 60), ask(ID, 60)]).toEqual([answered, answered]);
  store.close();
  open();
  expect(ask(ID, 60)).toEqual(answered);
  requests.setHubTime(formatTime(HUB_MS));
  expect(ask(ID, 60)).toEqual(answered);
  expect(ask(OTHER_ID, 60)).toMatchObject({ id: OTHER_ID, outcome: 'done' });
  expect([done, store.pendingReports()]).toEqual([['ping', 'ping'], 2]);
});

test("a deadline is by the hub's clock, though the box's is years off and is set meanwhile", () => {
  clock.advance(59_000);
  expect(ask(ID, 60)).toEqual(answered);
  clock.advance(2_000);
  expect(ask(OTHER_ID, 60)).toMatchObject({ outcome: 'failed', reason: 'DeadlineExceeded' });
  expect(done).toEqual(['ping']);
  requests.setHubTime(formatTime(HUB_MS));
  expect(ask(OTHER_ID, 60)).toMatchObject({ outcome: 'done' });
});

test('an answer is kept for as long as its request could come, and not for ever', () => {
  ask(ID, 60);
  clock.advance(59_000);
  expect(ask(ID, 60)).toEqual(answered);
  clock.advance(2_000);
  ask(OTHER_ID, 600);
  expect(store.response(ID)).toBeUndefined();
  expect(ask(ID, 60)).toMatchObject({ outcome: 'failed', reason: 'DeadlineExceeded' });
  expect(done).toHaveLength(2);
});

test.each([{ verb: 'dance' }, { verb: 'ping', loudly: true }, { verb: 'restart' }, {}, null])(
  'what an agent does not know is refused by name, and nothing is done: %j',
  (body) => {
    const answer = requests.answer(
      encodeMessage({ id: ID, expiresAt: formatTime(HUB_MS + 60_000), body: body as object }),
      () => {},
    );
    expect(answer).toMatchObject({ id: ID, outcome: 'failed', reason: 'NotSupported' });
    expect(answer?.message).toMatch(/^this agent can't do that: /);
    expect(done).toEqual([]);
  },
);

test.each(['', '{', '[]', '{"id":"one","expiresAt":"2026-03-01T08:00:00Z","body":{}}', `{"id":"${ID}"}`])(
  'what is no request is not answered: %j',
  (payload) => {
    expect(requests.answer(Buffer.from(payload), () => {})).toBeUndefined();
    expect(log.lines.at(-1)).toMatch(/^warn: a request was refused/);
  },
);

test('what fails is answered with why, once, and leaves nothing half done', () => {
  work = () => {
    throw new EffectError('NotFound', 'pos', 'there is no machine "pos" here');
  };
  const failed = { id: ID, outcome: 'failed', reason: 'NotFound', message: 'there is no machine "pos" here' };
  expect(ask(ID, 60)).toEqual(failed);
  work = () => {};
  expect(ask(ID, 60)).toEqual(failed);
  expect(done).toEqual([]);
});

test('on a full disk nothing is answered and nothing done, and asked again it is', () => {
  const full = Number(database.pragma('page_count', { simple: true }));
  work = () => {
    database.pragma(`max_page_count = ${full}`);
    store.appendEvent(event('x'.repeat(30_000)), HAPPENING);
    store.appendEvent(event('x'.repeat(30_000)), HAPPENING);
  };
  expect(() => ask(ID, 60)).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }));
  expect([done, store.pendingReports(), store.response(ID)]).toEqual([[], 0, undefined]);
  work = () => database.pragma('max_page_count = 100000');
  expect(ask(ID, 60)).toEqual(answered);
  expect([done, store.pendingReports()]).toEqual([['ping'], 1]);
});

describe('a question', () => {
  const question = { verb: 'read-guest', machine: 'pos' };
  const heard = () => expect.poll(() => later);

  test('is answered with what was found, later, and looked into again where it comes again', async () => {
    let times = 0;
    find = () => ({ times: (times += 1) });
    expect(ask(ID, 60, question)).toBeUndefined();
    await heard().toEqual([
      { id: ID, outcome: 'done', reason: 'Done', message: 'found', content: { times: 1 } },
    ]);
    ask(ID, 60, question);
    await heard().toMatchObject([{}, { content: { times: 2 } }]);
    expect(store.response(ID)).toBeUndefined();
  });

  test('that comes again while it is looked into is answered once', async () => {
    let times = 0;
    find = () => ({ times: (times += 1) });
    ask(ID, 60, question);
    ask(ID, 60, question);
    await heard().toMatchObject([{ content: { times: 1 } }]);
    ask(OTHER_ID, 60, question);
    await heard().toMatchObject([{ id: ID }, { id: OTHER_ID, content: { times: 2 } }]);
  });

  test('that finds nothing, or more than a message holds, says so', async () => {
    find = () => {
      throw new EffectError('NotRunning', 'pos', 'the machine has no process');
    };
    ask(ID, 60, question);
    find = () => ({ text: 'x'.repeat(100_000) });
    ask(OTHER_ID, 60, question);
    await heard().toMatchObject([
      { id: ID, outcome: 'failed', reason: 'NotRunning', message: 'the machine has no process' },
      { id: OTHER_ID, outcome: 'failed', reason: 'TooLarge' },
    ]);
  });
});
