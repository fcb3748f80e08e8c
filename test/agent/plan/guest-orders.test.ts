import { describe, expect, test } from 'vitest';
import { compileKept } from '../../../agent/plan/kept.ts';
import type { RunStrategy } from '../../../shared/model/virtual-machine.ts';
import { createScenario, desiredMachine } from './scenario.ts';

/** What a running guest is told to do, and what the hub asks for once. */

function running(runStrategy: RunStrategy = 'Always', spec: object = {}) {
  const desired = desiredMachine(runStrategy);
  const scenario = createScenario({ ...desired, spec: { ...desired.spec, ...spec } });
  scenario.settle();
  expect(scenario.state).toBe('Running');
  return scenario;
}

function paused() {
  const scenario = running();
  scenario.order('pause');
  scenario.settle();
  expect(scenario.status).toMatchObject({ state: 'Paused', reason: 'PausedByUser' });
  return scenario;
}

describe('a pause', () => {
  test('holds, also against someone at the monitor, until it is taken back', () => {
    const scenario = paused();
    scenario.pass(600);
    scenario.guest('running');
    scenario.settle();
    expect([scenario.state, scenario.count('pause')]).toEqual(['Paused', 2]);
    scenario.order('unpause');
    scenario.settle();
    expect([scenario.state, scenario.count('resume'), scenario.count('start')]).toEqual(['Running', 1, 1]);
  });

  test('is remembered beside the disks, so that an agent without its store holds on to it', () => {
    const scenario = paused();
    const row = { uid: 'a', desired: {}, memory: scenario.memory };
    const observed = { uid: 'a', disks: [] };
    expect(compileKept(row, scenario.tick(), observed)?.memory).toMatchObject({ paused: true });
  });

  test('ends with a restart, before which the guest is let go on so that it hears the button', () => {
    const scenario = paused();
    scenario.order('restart');
    scenario.tick();
    expect(scenario.actions.slice(-2)).toEqual(['resume', 'power-button']);
    scenario.guest('shutdown');
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
  });

  test('ends with the box going down', () => {
    const scenario = paused();
    scenario.reboot();
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
  });

  test('is told apart from an I/O error, which goes on when that is over, and from the monitor', () => {
    const scenario = running();
    scenario.guest('io-error');
    scenario.tick();
    expect(scenario.status).toMatchObject({ state: 'Paused', reason: 'IOError' });
    scenario.order('pause');
    scenario.pass(60);
    expect(scenario.count('resume')).toBe(1);
    scenario.order('unpause');
    scenario.tick();
    expect(scenario.count('resume')).toBe(2);
    scenario.guest('paused');
    scenario.tick();
    expect(scenario.status).toMatchObject({ state: 'Paused', reason: 'Paused' });
    scenario.order('unpause');
    scenario.settle();
    expect(scenario.state).toBe('Running');
  });
});

describe('a machine that starts paused', () => {
  test('does so each time, and goes on when it is told to', () => {
    const desired = desiredMachine('Always');
    const scenario = createScenario({ ...desired, spec: { ...desired.spec, startStrategy: 'Paused' } });
    for (const run of [1, 2]) {
      scenario.settle();
      scenario.pass(60);
      expect(scenario.status).toMatchObject({ state: 'Paused', reason: 'PausedByUser' });
      scenario.order('unpause');
      scenario.settle();
      expect([scenario.state, scenario.count('start')]).toEqual(['Running', run]);
      scenario.guest('shutdown');
      scenario.settle();
    }
  });

  test('because the hub asked for it does so once', () => {
    const scenario = createScenario(desiredMachine('Halted'));
    scenario.settle();
    scenario.hubOrder('start', { paused: true });
    scenario.settle();
    expect(scenario.state).toBe('Stopped');
    scenario.want(desiredMachine('Always'));
    scenario.settle();
    expect(scenario.state).toBe('Paused');
    scenario.order('restart');
    scenario.settle();
    scenario.guest('shutdown');
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
  });
});

describe('a soft reboot', () => {
  test('is asked of the agent in the guest, once', () => {
    const scenario = running();
    scenario.connectAgent();
    scenario.order('softreboot');
    scenario.pass(10);
    expect([scenario.count('reboot-guest'), scenario.count('power-button')]).toEqual([1, 0]);
    expect(scenario.events).toContain('SoftReboot');
  });

  test('of a guest without an agent is its power button, and booting it again in the same run', () => {
    const scenario = running('Once');
    scenario.order('softreboot');
    scenario.pass(5);
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect([scenario.count('power-button'), scenario.count('boot-again'), scenario.count('start')]).toEqual([
      1, 1, 1,
    ]);
    // From then on a shutdown is a shutdown.
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.state).toBe('Succeeded');
  });

  test('that the guest does not listen to is given up with a warning, and a shutdown of later ends the run', () => {
    const scenario = running('Once');
    scenario.order('softreboot');
    scenario.pass(31);
    expect([scenario.state, scenario.events.at(-1)]).toEqual(['Running', 'SoftRebootIgnored']);
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.state).toBe('Succeeded');
  });

  test('gives way to a stop', () => {
    const scenario = running();
    scenario.order('softreboot');
    scenario.tick();
    scenario.order('stop');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.settle();
    expect([scenario.state, scenario.count('boot-again')]).toEqual(['Stopped', 0]);
  });
});

test('a reset is made once', () => {
  const scenario = running();
  scenario.order('reset');
  scenario.pass(10);
  expect([scenario.state, scenario.count('reset')]).toEqual(['Running', 1]);
  expect(scenario.events).toContain('Reset');
});

describe('the hub asks for', () => {
  test('a stop with a grace period of its own, which ends with that', () => {
    const scenario = running();
    scenario.want(desiredMachine('Halted'));
    scenario.tick();
    scenario.hubOrder('stop', { graceMs: 0 });
    scenario.tick();
    expect(scenario.actions.at(-1)).toBe('kill');
    scenario.settle();
    expect(scenario.memory).not.toHaveProperty('graceMs');
  });

  test.each(['Manual', 'RerunOnFailure', 'Always'] as const)('a restart under %s', (runStrategy) => {
    const scenario = createScenario(desiredMachine(runStrategy));
    scenario.settle();
    scenario.hubOrder('start');
    scenario.settle();
    scenario.hubOrder('restart');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
  });

  test.each(['Manual', 'RerunOnFailure'] as const)('a stop and a start under %s', (runStrategy) => {
    const scenario = createScenario(desiredMachine(runStrategy));
    scenario.settle();
    if (runStrategy === 'Manual') expect(scenario.state).toBe('Stopped');
    scenario.hubOrder('start');
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 1]);
    scenario.hubOrder('stop');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.settle();
    scenario.pass(600);
    scenario.reboot();
    scenario.pass(600);
    expect(scenario.count('start')).toBe(1);
    scenario.hubOrder('start');
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
  });
});
