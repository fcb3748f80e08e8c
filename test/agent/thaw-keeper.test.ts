import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EMPTY_MEMORY } from '../../agent/plan/memory.ts';
import type { Store } from '../../agent/ports.ts';
import { createStore } from '../../agent/store/store.ts';
import type { ThawKeeper } from '../../agent/thaw-keeper.ts';
import { createThawKeeper } from '../../agent/thaw-keeper.ts';
import { EffectError } from '../../shared/base/errors.ts';
import { createRandom } from '../../shared/host/random.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import type { ManualClock } from '../shared/manual-clock.ts';
import { createManualClock } from '../shared/manual-clock.ts';

/** Guests that are frozen, over a real store; what is done to them is only noted. */

let folder: string;
let store: Store;
let clock: ManualClock;
let done: string[];
let refusal: EffectError | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-thaw-'));
  store = createStore(join(folder, 'agent.db'), createRandom());
  store.putMachine({ uid: 'pos', desired: {}, memory: { ...EMPTY_MEMORY, bootId: 'boot' } });
  clock = createManualClock();
  done = [];
  refusal = undefined;
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

function create(bootId = 'boot'): ThawKeeper {
  const act = (what: string) => async (uid: string) => {
    if (refusal !== undefined) throw refusal;
    done.push(`${what} ${uid}`);
  };
  return createThawKeeper({
    store,
    machines: { freezeGuest: act('freeze'), thawGuest: act('thaw') },
    clock,
    log: createLogRecorder(),
    bootId,
    tell: (uid, { reason }) => done.push(`${reason} ${uid}`),
  });
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  for (let turn = 0; turn < 3; turn += 1) await clock.turn();
}

test('a guest that nobody thaws is thawed when its time is over, once', async () => {
  const keeper = create();
  await keeper.freeze('pos', 60_000);
  await pass(59_000);
  expect(done).toEqual(['freeze pos']);
  await pass(1_000);
  await pass(600_000);
  expect(done).toEqual(['freeze pos', 'thaw pos', 'GuestThawed pos']);
});

test('one that was thawed before, or that is to stay frozen, is left alone', async () => {
  const keeper = create();
  await keeper.freeze('pos', 60_000);
  await keeper.thaw('pos');
  await keeper.freeze('pos', 0);
  await pass(600_000);
  expect(done).toEqual(['freeze pos', 'thaw pos', 'freeze pos']);
});

test('the next agent does it where this one is gone, but not to a guest of a later boot', async () => {
  const first = create();
  await first.freeze('pos', 60_000);
  first.stop();
  create('another boot').start();
  await pass(120_000);
  expect(done).toEqual(['freeze pos']);
  create().start();
  await pass(0);
  expect(done).toEqual(['freeze pos', 'thaw pos', 'GuestThawed pos']);
});

test('one that would not be thawed is tried again, one that would not be frozen is not', async () => {
  const keeper = create();
  await keeper.freeze('pos', 60_000);
  refusal = new EffectError('GuestAgentFailed', 'pos', 'the guest agent did not answer');
  await pass(60_000);
  refusal = undefined;
  await pass(30_000);
  expect(done).toEqual(['freeze pos', 'thaw pos', 'GuestThawed pos']);
  refusal = new EffectError('GuestAgentRefused', 'pos', 'it has no such command');
  await expect(keeper.freeze('pos', 60_000)).rejects.toThrow('it has no such command');
  refusal = undefined;
  await pass(600_000);
  expect(done).toHaveLength(3);
});
