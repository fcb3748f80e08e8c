import { describe, expect, test } from 'vitest';
import type { RunStrategy } from '../../../shared/model/virtual-machine.ts';
import { createScenario, desiredMachine } from './scenario.ts';

/** Orders given on the box: what they hold against, and what ends them. */

const WEEK_MS = 7 * 86_400_000;

/** A machine that runs as desired and was then stopped on the box. */
function stoppedOnBox(runStrategy: RunStrategy = 'Always') {
  const scenario = createScenario(desiredMachine(runStrategy));
  scenario.settle();
  scenario.order('stop');
  scenario.tick();
  scenario.guest('shutdown');
  scenario.settle();
  expect(scenario.status).toMatchObject({ state: 'Stopped', reason: 'StoppedOnBox' });
  return scenario;
}

describe('a stop on the box', () => {
  test('holds against Always until it is taken back there', () => {
    const scenario = stoppedOnBox();
    scenario.pass(100);
    expect(scenario.status).toMatchObject({ state: 'Stopped', reason: 'StoppedOnBox' });
    expect(scenario.status?.override).toMatchObject({ verb: 'stop', reason: 'a test' });
    scenario.order('start');
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect(scenario.status?.override).toBeUndefined();
  });

  test('holds for a week, through reboots and clocks that jump', () => {
    const scenario = stoppedOnBox();
    const { override } = scenario.status ?? {};
    for (let day = 0; day < 7; day += 1) {
      scenario.setClock(WEEK_MS / 7);
      scenario.reboot();
      scenario.pass(600);
      expect(scenario.status).toMatchObject({ state: 'Stopped', reason: 'StoppedOnBox', override });
    }
    expect(scenario.count('start')).toBe(1);
  });

  test.each(['RerunOnFailure', 'Once', 'Manual'] as const)(
    'holds when the hub changes the run strategy to %s, and its machine is changed',
    (runStrategy) => {
      const scenario = stoppedOnBox();
      scenario.want(desiredMachine(runStrategy, { generation: 2 }));
      scenario.pass(10);
      expect(scenario.status).toMatchObject({ state: 'Stopped', generation: 2, override: { verb: 'stop' } });
      expect(scenario.events).not.toContain('LocalOrderReleased');
    },
  );

  test('ends when the hub wants the machine stopped as well, and Always starts it after that', () => {
    const scenario = stoppedOnBox();
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    const plan = scenario.tick();
    expect(plan.events).toMatchObject([
      {
        reason: 'LocalOrderReleased',
        message: expect.stringMatching(/run strategy is now Halted/) as string,
      },
    ]);
    expect(scenario.status).toMatchObject({ state: 'Stopped', reason: 'Stopped' });
    expect(scenario.status?.override).toBeUndefined();
    scenario.want(desiredMachine('Always', { generation: 3 }));
    scenario.settle();
    expect(scenario.state).toBe('Running');
  });

  test('ends when the hub releases it, and is told once', () => {
    const scenario = stoppedOnBox();
    const at = scenario.status?.override?.at ?? '';
    scenario.want(desiredMachine('Always', { releasedOverride: at }));
    const plan = scenario.tick();
    expect(plan.events).toMatchObject([
      {
        reason: 'LocalOrderReleased',
        message: `the stop ordered on the box at ${at} holds no more: the hub released it`,
      },
    ]);
    expect(plan.status.override).toBeUndefined();
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect(scenario.events.filter((reason) => reason === 'LocalOrderReleased')).toHaveLength(1);
  });

  test('that is newer than the one which the hub released holds, though the clock was set back in between', () => {
    const scenario = stoppedOnBox();
    const released = scenario.status?.override?.at ?? '';
    scenario.order('start');
    scenario.settle();
    scenario.setClock(-3 * 365 * 86_400_000);
    scenario.order('stop');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.want(desiredMachine('Always', { releasedOverride: released }));
    scenario.pass(10);
    const { override } = scenario.status ?? {};
    expect(override?.at.slice(0, 4)).toBe('2023');
    expect(scenario.state).toBe('Stopped');

    scenario.want(desiredMachine('Always', { releasedOverride: override?.at ?? '' }));
    scenario.settle();
    expect(scenario.state).toBe('Running');
  });

  test('is released though the machine can not be observed just then', () => {
    const scenario = stoppedOnBox();
    scenario.observe({ problem: 'the disk does not answer' });
    scenario.want(desiredMachine('Always', { releasedOverride: scenario.status?.override?.at ?? '' }));
    expect(scenario.tick().events.map(({ reason }) => reason)).toContain('LocalOrderReleased');
    scenario.tick();
    expect(scenario.events.filter((reason) => reason === 'LocalOrderReleased')).toHaveLength(1);
  });
});

describe('a start on the box', () => {
  test('holds against Halted through a reboot, until the hub releases it', () => {
    const scenario = createScenario(desiredMachine('Halted'));
    scenario.tick();
    scenario.order('start');
    scenario.settle();
    expect(scenario.status).toMatchObject({ state: 'Running', override: { verb: 'start' } });
    scenario.reboot();
    scenario.pass(10);
    expect(scenario.status).toMatchObject({ state: 'Running', override: { verb: 'start' } });
    scenario.want(desiredMachine('Halted', { releasedOverride: scenario.status?.override?.at ?? '' }));
    scenario.tick();
    expect(scenario.state).toBe('Stopping');
  });

  test('ends when the hub wants the machine to run as well, without touching it', () => {
    const scenario = createScenario(desiredMachine('Halted'));
    scenario.tick();
    scenario.order('start');
    scenario.settle();
    scenario.want(desiredMachine('Always', { generation: 2 }));
    scenario.pass(10);
    expect(scenario.status).toMatchObject({ state: 'Running', generation: 2 });
    expect(scenario.status?.override).toBeUndefined();
    expect(scenario.actions).toEqual(['start']);
  });
});

test('a restart on the box shuts the guest down and starts it again', () => {
  const scenario = createScenario(desiredMachine('Always'));
  scenario.settle();
  scenario.order('restart');
  scenario.tick();
  expect(scenario.state).toBe('Stopping');
  scenario.guest('shutdown');
  scenario.settle();
  expect(scenario.state).toBe('Running');
  expect(scenario.actions).toEqual(['start', 'power-button', 'quit', 'start']);
});
