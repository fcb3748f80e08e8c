import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Loop } from '../../agent/loop.ts';
import { createLoop } from '../../agent/loop.ts';
import { EMPTY_MEMORY } from '../../agent/plan/memory.ts';
import type { Images } from '../../agent/images-port.ts';
import type { Machines, ObservedMachine, Store } from '../../agent/ports.ts';
import { createProbeWatch } from '../../agent/probe-watch.ts';
import { createStore } from '../../agent/store/store.ts';
import { createRandom } from '../../shared/host/random.ts';
import { HAPPENING } from '../contract/agent-store.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { createManualClock } from '../shared/manual-clock.ts';
import { NO_EQUIPMENT } from '../tools/equipment.ts';
import { UID, desiredMachine } from './plan/scenario.ts';

/** A data volume and a machine that uses it: the real loop, planner and store over disks that are only thought up. */

const VOLUME = '9d3e1f6f-53a5-4d30-9d3e-1f6f0b1c2d3e';
const volume = { uid: VOLUME, namespace: 'default', name: 'media', kind: 'DataVolume' as const };
const machine = { uid: UID, namespace: 'default', name: 'pos', kind: 'VirtualMachine' as const };

let folder: string;
let store: Store;
let loop: Loop;
const clock = createManualClock();
const observed = new Map<string, ObservedMachine>();
const removed: string[] = [];

const machines = {
  observe: async () => [...observed.values()],
  async makeDisk(uid, { dataVolume }) {
    observed.set(uid, { uid, disks: [dataVolume] });
  },
  async start({ machine: { uid, namespace, name, desired }, run }) {
    const record = { uid, namespace, name, run, bootId: 'boot-1', accelerator: 'tcg', ports: [] } as const;
    const process = { pid: 1, runState: 'running', guestAgent: false, addresses: [] };
    const written = { ...record, desired, startedAtMs: 0, command: [], pid: 1 };
    observed.set(uid, { uid, disks: [], record: written, process });
  },
  async powerButton(uid) {
    const { process: _gone, ...rest } = observed.get(uid) ?? { uid, disks: [] };
    observed.set(uid, rest);
  },
  async remove(uid) {
    removed.push(uid);
    observed.delete(uid);
  },
  async keep() {},
} satisfies Partial<Machines> as unknown as Machines;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-shared-'));
  store = createStore(join(folder, 'agent.db'), createRandom());
  observed.clear();
  removed.length = 0;
  loop = createLoop({
    ports: {
      store,
      machines,
      images: { retain: () => {} } as unknown as Images,
      clock,
      random: createRandom(),
      log: createLogRecorder(),
    },
    box: () => ({
      bootId: 'boot-1',
      equipment: NO_EQUIPMENT,
      probing: false,
      accelerator: 'tcg',
      acceleratorReason: '',
    }),
    happening: () => HAPPENING,
    reported: () => {},
    probes: createProbeWatch({ run: async () => ({ ok: true, detail: '' }) }, clock, () => {}),
  });
});
afterEach(async () => {
  await loop.stop();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

function put(uid: string, desired: object): void {
  store.putMachine({ uid, memory: rowOf(uid)?.memory ?? EMPTY_MEMORY, desired });
}

function putMachine(): void {
  const { spec, ...desired } = desiredMachine('Always');
  const references = { dataVolumes: { media: { uid: VOLUME, dataVolume: 'media' } } };
  const volumes = [{ name: 'disk', dataVolume: { name: 'media' } }];
  put(UID, { ...desired, references, spec: { ...spec, volumes } });
}

function putVolume(): void {
  const spec = { source: { blank: {} }, storage: { resources: { requests: { storage: '1Gi' } } } };
  put(VOLUME, { ...volume, generation: 1, dataVolume: { metadata: { name: 'media' }, spec } });
}

/** Lets the loop go on until it has come to what is expected. */
const settle = (look: () => unknown) =>
  expect.poll(
    () => {
      loop.wake();
      clock.advance(1_000);
      return look();
    },
    { interval: 2, timeout: 10_000 },
  );

const rowOf = (uid: string) => store.machines().find((row) => row.uid === uid);
const told = (uid: string) => {
  const { state, reason, message } = rowOf(uid)?.memory.reported ?? {};
  return `${state} ${reason}: ${message}`;
};

test('a machine is started as soon as the data volume that it uses is there', async () => {
  putMachine();
  await settle(() => told(UID)).toMatch(
    /^Provisioning WaitingForDataVolume: volume disk shows the data volume media/,
  );
  putVolume();
  await settle(() => [told(VOLUME), told(UID)]).toEqual([
    'Succeeded Filled: the disk is there',
    'Running Running: the guest runs',
  ]);
});

test('a data volume that is removed stays for as long as a machine of the box has it', async () => {
  const inUse = 'Removing InUse: its disks are removed when they are used no more: default/pos uses them';
  putVolume();
  putMachine();
  await settle(() => told(UID)).toBe('Running Running: the guest runs');
  put(VOLUME, { ...volume, removed: true });
  await settle(() => told(VOLUME)).toBe(inUse);
  // It runs by what it was started with, whatever it is described as by now.
  put(UID, desiredMachine('Always', { generation: 2 }));
  await settle(() => rowOf(UID)?.memory.reported?.generation).toBe(2);
  for (let count = 0; count < 20; count += 1) clock.advance(10_000);
  expect([told(VOLUME), removed]).toEqual([inUse, []]);
  put(UID, { ...machine, removed: true });
  await settle(() => store.machines()).toEqual([]);
  expect(removed.toSorted()).toEqual([UID, VOLUME].toSorted());
});
