import { describe, expect, test } from 'vitest';
import { compileKept, isFound, recoverRow } from '../../../agent/plan/kept.ts';
import type { MachineMemory } from '../../../agent/plan/memory.ts';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import { identityOf, readWanted } from '../../../agent/plan/read-wanted.ts';
import type { MachineRow, ObservedMachine } from '../../../agent/ports.ts';
import { UID, createScenario, desiredMachine } from './scenario.ts';

const FOLDER: ObservedMachine = { uid: UID, disks: ['root'] };
const DESIRED = desiredMachine('Always');

/** A machine that ran, was ordered to stop, and failed before: all that there is to remember. */
const MEMORY: MachineMemory = {
  bootId: 'boot-1',
  failures: 2,
  run: { number: 7, runningSinceMs: 5 },
  disks: ['root'],
  override: { verb: 'stop', atMs: 1, reason: 'a test' },
  runStrategy: 'Always',
  askedImages: ['an image'],
  nextStartAtMs: 9,
};
const kept = { desired: DESIRED, memory: MEMORY };
const row = (memory: MachineMemory, desired: unknown = DESIRED): MachineRow => ({
  uid: UID,
  desired,
  memory,
});

describe('what is kept of a machine', () => {
  test('is written before it is first started, again where it changed, and then no more', () => {
    const scenario = createScenario(DESIRED);
    const plan = scenario.tick();
    const first = compileKept(row(EMPTY_MEMORY), plan, undefined);
    expect(first).toMatchObject({ desired: DESIRED, memory: { run: { number: 1 }, runStrategy: 'Always' } });
    expect(first?.memory).not.toHaveProperty('reported');

    const later = scenario.tick();
    const second = compileKept(row(plan.memory), later, { ...FOLDER, ...(first && { kept: first }) });
    expect(second?.memory.run?.runningSinceMs).toBeDefined();
    const read = JSON.parse(JSON.stringify(second)) as typeof kept;
    expect(compileKept(row(later.memory), scenario.tick(), { ...FOLDER, kept: read })).toBeUndefined();
    const changed = row(later.memory, desiredMachine('Halted'));
    expect(compileKept(changed, later, { ...FOLDER, kept: read })?.desired).toEqual(desiredMachine('Halted'));
  });

  test('is nothing where the machine has no folder, nor is made one by being written', () => {
    const scenario = createScenario(desiredMachine('Halted'));
    expect(compileKept(row(EMPTY_MEMORY), scenario.tick(), undefined)).toBeUndefined();
  });

  test('is not written over by what was found without it', () => {
    const found = recoverRow(undefined, FOLDER);
    if (found === undefined) throw new Error('it was not found');
    expect(compileKept(found, createScenario(found.desired).tick(), FOLDER)).toBeUndefined();
  });
});

describe('a folder that the store knows nothing of', () => {
  test('gives its machine back, with the orders and runs that were remembered', () => {
    expect(recoverRow(undefined, { ...FOLDER, kept })).toEqual(row(MEMORY));
  });

  test('of a machine that was deleted goes on being removed', () => {
    const { uid, namespace, name, kind } = DESIRED;
    const removed = { uid, namespace, name, kind, removed: true };
    const back = recoverRow(undefined, { ...FOLDER, kept: { desired: removed, memory: MEMORY } });
    expect(readWanted(back?.desired)).toEqual({ kind: 'removed', desired: removed });
  });

  test.each([
    [
      'goes by the name in its record',
      { namespace: 'shop', name: 'pos' },
      { namespace: 'shop', name: 'pos' },
    ],
    ['and without a record goes by its uid', undefined, { namespace: 'default', name: UID }],
  ])('and says nothing of its machine %s', (_, names, expected) => {
    const record = names && {
      ...names,
      uid: UID,
      run: 3,
      bootId: 'boot-1',
      accelerator: 'tcg' as const,
      ports: [],
      startedAtMs: 0,
      command: [],
    };
    const back = recoverRow(undefined, { ...FOLDER, ...(record && { record }) });
    const wanted = readWanted(back?.desired);
    expect(isFound(back?.desired)).toBe(true);
    expect(wanted).toMatchObject({ kind: 'refused', reason: 'FoundOnDisk' });
    expect(wanted && identityOf(wanted)).toMatchObject({ uid: UID, ...expected });
  });

  test('leaves its machine running, is told of as that, and takes an order to stop', () => {
    const scenario = createScenario(DESIRED);
    scenario.settle();
    scenario.want(recoverRow(undefined, FOLDER)?.desired);
    scenario.pass(60);
    expect(scenario.status).toMatchObject({ state: 'Running', reason: 'FoundOnDisk' });
    expect([scenario.count('start'), scenario.count('kill'), scenario.count('quit')]).toEqual([1, 0, 0]);
    scenario.order('stop');
    scenario.pass(60);
    expect(scenario.state).toBe('Stopped');
    scenario.order('start');
    scenario.pass(60);
    expect(scenario.status).toMatchObject({ state: 'Refused', reason: 'FoundOnDisk' });
    expect(scenario.count('start')).toBe(1);
    scenario.want(DESIRED);
    scenario.pass(1);
    expect(scenario.count('start')).toBe(2);
  });
});

describe('a store that knows the machine', () => {
  test('is believed, whatever else its folder says', () => {
    expect(recoverRow(row({ ...EMPTY_MEMORY, bootId: 'boot-2' }), { ...FOLDER, kept })).toBeUndefined();
    expect(recoverRow(row(EMPTY_MEMORY), FOLDER)).toBeUndefined();
  });

  test('only from the hub, which it heard first, remembers what its folder does', () => {
    const newer = desiredMachine('Halted');
    expect(recoverRow(row(EMPTY_MEMORY, newer), { ...FOLDER, kept })).toEqual(
      row({ ...MEMORY, failures: 0 }, newer),
    );
  });

  test('only by its folder takes what is kept there once that can be read', () => {
    const found = recoverRow(undefined, FOLDER);
    expect(found && recoverRow(found, FOLDER)).toBeUndefined();
    expect(found && recoverRow(found, { ...FOLDER, kept })).toEqual(row({ ...MEMORY, failures: 0 }));
  });
});
