import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recoverRow } from '../../../agent/plan/kept.ts';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import type { Store } from '../../../agent/ports.ts';
import { createStore } from '../../../agent/store/store.ts';
import { tellAll } from '../../../agent/sync/tell-all.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { MachineStatus } from '../../../shared/model/machine.ts';
import { parseBody } from '../../../shared/protocol/report-body.ts';
import { HAPPENING } from '../../contract/agent-store.ts';
import { UID, desiredMachine } from '../plan/scenario.ts';

const OTHER_UID = '1c0f7d2d-64b6-4e41-8e4f-207a1c2d3e4f';
const reported: MachineStatus = {
  uid: UID,
  namespace: 'default',
  name: 'pos',
  kind: 'VirtualMachine',
  generation: 1,
  state: 'Running',
  reason: 'Running',
  message: 'the guest runs',
  since: '2026-03-01T08:00:00.000Z',
  interfaces: [],
};

let folder: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-tell-all-'));
  store = createStore(join(folder, 'agent.db'), createRandom());
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

/** What would be sent, as the hub reads it. */
const told = () =>
  store.reportsAfter(0, 2 ** 30).map(({ body }) => {
    const read = parseBody(body);
    if (!read.ok) throw new Error('it could not be read');
    return read.value;
  });

test('a hub that has lost everything is told what is held and what is the case, and last that this was all', () => {
  const desired = desiredMachine('Always');
  store.saveDesired(7, 'seven', '{}');
  store.putMachine({ uid: UID, desired, memory: { ...EMPTY_MEMORY, reported } });
  tellAll(store, HAPPENING);
  expect(told()).toEqual([
    { kind: 'held', generation: 7, entry: desired },
    { kind: 'machine', status: reported },
    { kind: 'desired', generation: 7, problems: [] },
  ]);
});

test('asked twice before it could answer, a device tells it once', () => {
  store.putMachine({ uid: UID, desired: desiredMachine('Always'), memory: EMPTY_MEMORY });
  tellAll(store, HAPPENING);
  tellAll(store, HAPPENING);
  expect(told().map(({ kind }) => kind)).toEqual(['held', 'desired']);
});

test('a machine that was only found on the disk is shown, and passed off as described by nobody', () => {
  const found = recoverRow(undefined, { uid: UID, disks: [] });
  if (found === undefined) throw new Error('it was not found');
  store.putMachine({ ...found, memory: { ...EMPTY_MEMORY, reported } });
  tellAll(store, HAPPENING);
  expect(told().map(({ kind }) => kind)).toEqual(['machine', 'desired']);
});

test('a description that fits into no message holds up none of the others', () => {
  const userData = randomBytes(300_000).toString('base64');
  const volumes = [{ name: 'seed', cloudInitNoCloud: { userData } }];
  const huge = desiredMachine('Always');
  store.putMachine({ uid: UID, desired: { ...huge, spec: { ...huge.spec, volumes } }, memory: EMPTY_MEMORY });
  store.putMachine({
    uid: OTHER_UID,
    desired: desiredMachine('Always', { uid: OTHER_UID }),
    memory: EMPTY_MEMORY,
  });
  tellAll(store, HAPPENING);
  const [instead, ...others] = told();
  expect(instead).toMatchObject({ kind: 'event', type: 'Warning', reason: 'ReportTooLarge' });
  expect(instead?.kind === 'event' && instead.message).toContain(`the report of held/${UID} can't be sent`);
  expect(others.map(({ kind }) => kind)).toEqual(['held', 'desired']);
});
