import { afterEach, beforeEach, expect, test } from 'vitest';
import { setImmediate as tick } from 'node:timers/promises';
import type { MachineRow, ObjectChange, Store, Tables } from '../../../hub/ports.ts';
import type { Reconciler } from '../../../hub/reconcile/reconciler.ts';
import { createReconciler } from '../../../hub/reconcile/reconciler.ts';
import { createStore } from '../../../hub/store/store.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';
import { machine } from '../api/start-api.ts';
import { DEVICE_ROW } from '../start-hub.ts';

let store: Store;
let reconciler: Reconciler;
/** Whether reading something of the store fails; it is given the table and the name that is asked for. */
let fails: (table: string, name: string) => boolean;
/** Tells the reconciler of a change. */
let heard: (change: ObjectChange) => void;
let published: string[];
let clock: ReturnType<typeof createManualClock>;

beforeEach(async () => {
  store = await createStore(':memory:');
  clock = createManualClock();
  published = [];
  fails = () => false;
  const publishDesired = (device: string) => void published.push(device);
  const random = createRandom();
  const failing: Store = {
    ...store,
    onChange(listener) {
      heard = listener;
      return store.onChange(listener);
    },
    transaction: (work) => store.transaction((tables) => work(withFaults(tables))),
  };
  reconciler = createReconciler({ store: failing, clock, random, log: createLogRecorder(), publishDesired });
});
afterEach(async () => {
  await reconciler.stop();
  expect(clock.waiting()).toEqual([]);
  await store.close();
});

function withFaults(tables: Tables): Tables {
  const check = (table: string, name: string) => {
    if (fails(table, name)) throw new Error(`${table} ${name} can't be read`);
  };
  return {
    ...tables,
    devices: {
      ...tables.devices,
      get: async (name) => (check('device', name), tables.devices.get(name)),
    },
    machines: {
      ...tables.machines,
      get: async (uid) => (check('machine', uid), tables.machines.get(uid)),
      list: async (device) => (check('machines', device ?? ''), tables.machines.list(device)),
    },
  };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await tick();
}

const addDevice = (name: string) => store.transaction(({ devices }) => devices.put({ ...DEVICE_ROW, name }));

async function addMachine(name: string): Promise<void> {
  const row: MachineRow = {
    uid: name,
    kind: 'VirtualMachine',
    namespace: 'default',
    name,
    device: 'edge-1',
    removing: false,
  };
  const object = machine(name, { namespace: 'default', uid: name, generation: 1 });
  await store.transaction(async ({ objects, machines }) => {
    await objects.put({ kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name }, object);
    await machines.put(row);
  });
}

const statusOf = async (name: string) => {
  const key = { kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name };
  return (await store.transaction(({ objects }) => objects.get(key)))?.status;
};

test('a machine that can not be reconciled holds up neither another nor a device', async () => {
  fails = (table, name) => table === 'machine' && name === 'bad';
  await addDevice('edge-1');
  await addMachine('bad');
  await addMachine('good');
  await reconciler.start();
  await settle();
  expect([published, await statusOf('bad')]).toEqual([['edge-1'], undefined]);
  expect(await statusOf('good')).toBeDefined();
  fails = () => false;
  clock.advance(60_000);
  await settle();
  expect(await statusOf('bad')).toBeDefined();
});

test('devices are not held up by however many machines', async () => {
  await addDevice('edge-1');
  for (let count = 0; count < 100; count += 1) await addMachine(`machine-${count}`);
  const taken: string[] = [];
  fails = (table, name) => {
    if (table === 'machine' && !taken.some((one) => one.startsWith('machine'))) {
      reconciler.deviceChanged('edge-9');
    }
    if (table === 'machine' || table === 'device') taken.push(`${table} ${name}`);
    return false;
  };
  await reconciler.start();
  await settle();
  const first = taken.findIndex((one) => one.startsWith('machine'));
  expect(taken.indexOf('device edge-9') - first).toBeLessThan(20);
  expect(taken).toContain('device edge-9');
});

test('what to look at is looked for again where that failed', async () => {
  await reconciler.start();
  await settle();
  await addDevice('edge-1');
  await addMachine('till');
  await settle();
  const before = await statusOf('till');
  const told = {
    uid: 'till',
    namespace: 'default',
    name: 'till',
    kind: 'VirtualMachine',
    generation: 1,
  } as const;
  const status = { ...told, state: 'Running', reason: 'Running', message: 'runs' } as const;
  await store.transaction(async ({ machines }) => {
    const row = await machines.get('till');
    if (row !== undefined)
      await machines.put({ ...row, status: { ...status, interfaces: [], since: '2026-03-01T08:00:00Z' } });
  });
  fails = (table) => table === 'machines';
  reconciler.deviceChanged('edge-1');
  await settle();
  expect(await statusOf('till')).toEqual(before);
  fails = () => false;
  clock.advance(1_000);
  await settle();
  expect(await statusOf('till')).toMatchObject({ printableStatus: 'Running' });
});

test('everything is looked at anew every five minutes, whatever was marked', async () => {
  await reconciler.start();
  await settle();
  await addDevice('edge-1');
  await settle();
  expect(published).toEqual([]);
  clock.advance(5 * 60_000);
  await settle();
  expect(published).toEqual(['edge-1']);
  await addDevice('edge-2');
  clock.advance(5 * 60_000);
  await settle();
  expect(published).toEqual(['edge-1', 'edge-2']);
});

test('others are served while there is much to do', async () => {
  await addDevice('edge-1');
  for (let count = 0; count < 100; count += 1) await addMachine(`machine-${count}`);
  await reconciler.start();
  await tick();
  await tick();
  expect(await statusOf('machine-99')).toBeUndefined();
});

test.each([0, 1])('a change that comes as the loop ends is seen (%d turns on)', async (turns) => {
  await reconciler.start();
  await settle();
  const told: string[] = [];
  const seen = new Set<string>();
  const tell = async (steps: number) => {
    for (let turn = 0; turn < turns; turn += 1) await tick();
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    const uid = `machine-${told.length}`;
    told.push(uid);
    const key = { kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name: uid };
    heard({ resourceVersion: 1, type: 'ADDED', key, object: machine(uid, { uid }) });
  };
  // Each time a step later after the store was last read, so that one of them meets the loop's end.
  for (let steps = 0; steps < 100; steps += 1) {
    fails = (table, name) => {
      if (table === 'machine') seen.add(name);
      if (table === 'machines') void tell(steps);
      return false;
    };
    reconciler.deviceChanged('edge-1');
    for (let turn = 0; turn < 12; turn += 1) await tick();
    // Now, and not only with what comes next.
    expect([told.length > steps, told.filter((uid) => !seen.has(uid))]).toEqual([true, []]);
  }
});
