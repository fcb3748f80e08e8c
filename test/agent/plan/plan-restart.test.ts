import { describe, expect, test } from 'vitest';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { createScenario, desiredMachine } from './scenario.ts';

/** A machine whose firmware has a serial number: a change of that needs a restart. */
function serial(text: string, generation: number, change: Partial<DesiredMachine> = {}): DesiredMachine {
  const desired = desiredMachine('Always', { generation, restartWhenRequired: true, ...change });
  const domain = { ...desired.spec.domain, firmware: { serial: text } };
  return { ...desired, spec: { ...desired.spec, domain } };
}

function begin(change: Partial<DesiredMachine> = {}) {
  const scenario = createScenario(serial('a', 1, change));
  scenario.settle();
  scenario.hubOrder('start');
  scenario.settle();
  expect(scenario.state).toBe('Running');
  return scenario;
}

describe('a machine that is restarted when its description needs that', () => {
  test.each(['Always', 'RerunOnFailure', 'Manual'] as const)(
    'is shut down and started again, once, under %s',
    (runStrategy) => {
      const scenario = begin({ runStrategy });
      scenario.want(serial('b', 2, { runStrategy }));
      scenario.pass(2);
      expect(scenario.state).toBe('Stopping');
      scenario.guest('shutdown');
      scenario.pass(600);
      expect(scenario.actions).toEqual(['start', 'power-button', 'quit', 'start']);
      expect(scenario.status?.restartRequired).toBeUndefined();
      expect(scenario.memory.failures).toBe(0);
      expect(scenario.events).not.toContain('Failed');
    },
  );

  test('tells for which fields', () => {
    const scenario = begin();
    scenario.want(serial('b', 2));
    expect(scenario.tick().events).toContainEqual({
      type: 'Normal',
      reason: 'Restarting',
      message: 'the machine is restarted for spec.template.spec.domain.firmware.serial',
    });
  });

  test('has its grace period', () => {
    const scenario = begin();
    scenario.want(serial('b', 2));
    scenario.pass(20);
    expect(scenario.actions).not.toContain('quit');
    scenario.pass(20);
    expect(scenario.state).toBe('Running');
    expect(scenario.count('start')).toBe(2);
  });

  test('is restarted for each change, and not for what can be changed while it runs', () => {
    const scenario = begin();
    for (const [index, text] of ['b', 'c'].entries()) {
      scenario.want(serial(text, 2 + index));
      scenario.pass(1);
      scenario.guest('shutdown');
      scenario.pass(5);
    }
    expect(scenario.count('start')).toBe(3);
    const larger = serial('c', 4);
    larger.spec = { ...larger.spec, domain: { ...larger.spec.domain, memory: { guest: '256Mi' } } };
    scenario.want(larger);
    scenario.pass(60);
    expect(scenario.count('change')).toBe(1);
    expect(scenario.count('start')).toBe(3);
  });

  test('is not while an order on the box holds it, or while it is paused', () => {
    const scenario = createScenario(serial('a', 1, { runStrategy: 'Halted' }));
    scenario.order('start');
    scenario.settle();
    scenario.want(serial('b', 2, { runStrategy: 'Halted' }));
    scenario.pass(60);
    expect(scenario.actions).toEqual(['start']);
    expect(scenario.status?.restartRequired).toContain('firmware.serial');

    const paused = begin();
    paused.hubOrder('pause');
    paused.settle();
    paused.want(serial('b', 2));
    paused.pass(60);
    expect(paused.actions).toEqual(['start', 'pause']);
    paused.hubOrder('unpause');
    paused.pass(2);
    expect(paused.actions).toContain('power-button');
  });

  test('runs on until it could be started again', () => {
    const scenario = begin();
    scenario.setBox({ accelerator: undefined });
    scenario.want(serial('b', 2));
    scenario.pass(60);
    expect(scenario.actions).toEqual(['start']);
    expect(scenario.status).toMatchObject({ state: 'Running', reason: 'NoAccelerator' });
    scenario.setBox({ accelerator: 'tcg' });
    scenario.tick();
    expect(scenario.state).toBe('Stopping');
  });
});

test('a machine is not restarted by itself unless it is said', () => {
  const scenario = begin({ restartWhenRequired: false });
  scenario.want(serial('b', 2, { restartWhenRequired: false }));
  scenario.pass(600);
  expect(scenario.actions).toEqual(['start']);
});
