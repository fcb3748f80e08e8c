import { describe, expect, test } from 'vitest';
import { createScenario, desiredMachine } from './scenario.ts';

const GIB = 2 ** 30;

/** A machine with a blank disk of this size. */
function machineOf(storage: string, generation = 1) {
  const desired = desiredMachine('Always', { generation });
  return {
    ...desired,
    dataVolumes: [
      {
        metadata: { name: 'data' },
        spec: { source: { blank: {} }, storage: { resources: { requests: { storage } } } },
      },
    ],
    spec: { ...desired.spec, volumes: [{ name: 'data', dataVolume: { name: 'data' } }] },
  };
}

function runWith(bytes: number) {
  const scenario = createScenario(machineOf('1Gi'));
  scenario.settle();
  scenario.seeDisks({ data: bytes });
  scenario.settle();
  return scenario;
}

describe('a disk that is to be larger', () => {
  test('grows while its guest runs, is told, and is left alone then', () => {
    const scenario = runWith(GIB);
    expect(scenario.count('grow-disk')).toBe(0);
    scenario.want(machineOf('3Gi', 2));
    scenario.settle();
    expect(scenario.count('grow-disk')).toBe(1);
    expect(scenario.events).toContain('DiskGrows');
    scenario.pass(300);
    expect(scenario.count('grow-disk')).toBe(1);
    expect(scenario.status?.volumes).toEqual([
      { name: 'data', target: 'sda', dataVolume: 'data', wantedBytes: 3 * GIB, bytes: 3 * GIB },
    ]);
    expect(scenario.status).not.toHaveProperty('restartRequired');
  });

  test('is tried again in its time where it does not grow', () => {
    const scenario = runWith(GIB);
    scenario.want(machineOf('3Gi', 2));
    scenario.tick();
    scenario.seeDisks({ data: GIB });
    scenario.pass(50);
    expect(scenario.count('grow-disk')).toBe(1);
    scenario.pass(20);
    expect(scenario.count('grow-disk')).toBe(2);
  });

  test('waits for the next start where the guest is held or its size is not known', () => {
    const scenario = runWith(GIB);
    scenario.guest('paused');
    scenario.want(machineOf('3Gi', 2));
    scenario.settle();
    expect(scenario.count('grow-disk')).toBe(0);
  });
});

test('a disk is never made smaller, which is said', () => {
  const scenario = runWith(2 * GIB);
  scenario.want(machineOf('1Gi', 2));
  scenario.settle();
  expect(scenario.count('grow-disk')).toBe(0);
  expect(scenario.status?.volumes?.[0]?.message).toBe(
    'the disk has 2 GiB, and none is made smaller: ask for at least that',
  );
});

test('a disk that no volume shows any more is told of', () => {
  const scenario = runWith(GIB);
  scenario.seeDisks({ data: GIB, old: GIB });
  scenario.settle();
  expect(scenario.status?.unusedDisks).toEqual(['old']);
});
