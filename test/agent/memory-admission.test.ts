import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Loop } from '../../agent/loop.ts';
import { createLoop } from '../../agent/loop.ts';
import type { Machines, MachineRow, ObservedMachine, Store } from '../../agent/ports.ts';
import type { Images } from '../../agent/images-port.ts';
import { EMPTY_MEMORY } from '../../agent/plan/memory.ts';
import { NO_EQUIPMENT } from '../tools/equipment.ts';
import { createProbeWatch } from '../../agent/probe-watch.ts';
import type { BoxMemory } from '../../agent/plan/room.ts';
import { createStore } from '../../agent/store/store.ts';
import { createRandom } from '../../shared/host/random.ts';
import type { RunStrategy } from '../../shared/model/virtual-machine.ts';
import { HAPPENING } from '../contract/agent-store.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { createManualClock } from '../shared/manual-clock.ts';
import { desiredMachine } from './plan/scenario.ts';

/** A box with little memory: the real loop, planner and store over processes that are only thought up. */

const MIB = 2 ** 20;
/** What one machine of 128 MiB is counted with, under KVM, roughly: `agent/machine/memory.ts`. */
const ONE_MIB = 211;

let folder: string;
let store: Store;
let loop: Loop;
const clock = createManualClock();
const running = new Map<string, ObservedMachine>();
let bootId: string;
let memory: BoxMemory;

const uidOf = (name: string) => `00000000-0000-4000-8000-${name.padStart(12, '0')}`;

function put(name: string, runStrategy: RunStrategy = 'Always', requests?: string): void {
  const uid = uidOf(name);
  const desired = desiredMachine(runStrategy, { uid, name: `m${name}` });
  const resources = requests === undefined ? {} : { resources: { requests: { memory: requests } } };
  const spec = { ...desired.spec, domain: { ...desired.spec.domain, ...resources } };
  const before = store.machines().find((row) => row.uid === uid);
  store.putMachine({ uid, memory: before?.memory ?? EMPTY_MEMORY, desired: { ...desired, spec } });
}

const machines = {
  observe: async () => [...running.values()],
  async start({ machine: { uid, namespace, name, desired }, run }) {
    const record = { uid, namespace, name, run, bootId, accelerator: 'kvm', ports: [], desired } as const;
    const process = { pid: 1, runState: 'running', guestAgent: false, addresses: [] };
    running.set(uid, { uid, disks: [], record: { ...record, startedAtMs: 0, command: [], pid: 1 }, process });
  },
  async quit(uid) {
    running.delete(uid);
  },
  async kill(uid) {
    running.delete(uid);
  },
  async powerButton(uid) {
    running.delete(uid);
  },
  async keep() {},
} satisfies Partial<Machines> as unknown as Machines;

function open(): void {
  const ports = {
    store,
    machines,
    images: { retain: () => {} } as unknown as Images,
    clock,
    random: createRandom(),
    log: createLogRecorder(),
  };
  const box = () =>
    ({
      bootId,
      equipment: NO_EQUIPMENT,
      probing: false,
      accelerator: 'kvm',
      acceleratorReason: '',
      memory,
    }) as const;
  const probes = createProbeWatch({ run: async () => ({ ok: true, detail: '' }) }, clock, () => {});
  loop = createLoop({ ports, box, happening: () => HAPPENING, reported: () => {}, probes });
  loop.wake();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-memory-'));
  store = createStore(join(folder, 'agent.db'), createRandom());
  running.clear();
  bootId = 'boot-1';
  memory = { totalBytes: 1024 * MIB, reserveBytes: 256 * MIB };
});
afterEach(async () => {
  await loop.stop();
  store.close();
  rmSync(folder, { recursive: true });
});

const rowOf = (name: string): MachineRow | undefined =>
  store.machines().find(({ uid }) => uid === uidOf(name));
const stateOf = (name: string) => rowOf(name)?.memory.reported;
const states = () => store.machines().map(({ memory: { reported } }) => reported?.state ?? 'none');

/** Lets the loop go on until it has come to what is expected. */
const settle = (look: () => unknown) =>
  expect.poll(
    () => {
      clock.advance(1_000);
      return look();
    },
    { interval: 2, timeout: 10_000 },
  );

test('machines wanted at once are started as far as memory goes, and one that would not fit says what it needs', async () => {
  memory = { totalBytes: (256 + 3.5 * ONE_MIB) * MIB, reserveBytes: 256 * MIB };
  for (const name of ['1', '2', '3', '4', '5', '6', '7']) put(name);
  open();
  await settle(() => states().filter((state) => state === 'Refused').length).toBeGreaterThan(0);
  await settle(() => states().every((state) => state === 'Running' || state === 'Refused')).toBe(true);
  const refused = states().filter((state) => state === 'Refused').length;
  const claims = running.size;
  expect([claims + refused, refused > 0]).toEqual([7, true]);
  expect(stateOf('7')).toMatchObject({
    reason: 'InsufficientMemory',
    message: expect.stringMatching(
      /^it needs \d+ MiB of memory .*machines have .*256 MiB are kept for the box/,
    ) as string,
  });
  // None is ended for another, however long it waits, and one that ends makes room for the next.
  const before = [...running.keys()];
  for (let count = 0; count < 20; count += 1) clock.advance(10_000);
  expect([...running.keys()]).toEqual(before);
  put('1', 'Halted');
  loop.wake();
  await settle(() => [stateOf('1')?.state, running.size]).toEqual(['Stopped', before.length]);
});

test('after a power cut those that ran have their memory first', async () => {
  memory = { totalBytes: 480 * MIB, reserveBytes: 256 * MIB };
  put('5');
  open();
  await settle(() => stateOf('5')?.state).toBe('Running');
  for (const name of ['1', '9']) put(name);
  loop.wake();
  await settle(() => [stateOf('1')?.state, stateOf('9')?.state]).toEqual(['Refused', 'Refused']);
  await loop.stop();
  running.clear();
  bootId = 'boot-2';
  open();
  await settle(() => [...running.keys()]).toEqual([uidOf('5')]);
  await settle(() => stateOf('1')?.reason).toBe('InsufficientMemory');
});

test('a machine that requests less than its guest has is counted with that', async () => {
  memory = { totalBytes: 400 * MIB, reserveBytes: 256 * MIB };
  put('1', 'Always', '32Mi');
  put('2');
  open();
  await settle(() => [stateOf('1')?.state, stateOf('2')?.state]).toEqual(['Running', 'Refused']);
});
