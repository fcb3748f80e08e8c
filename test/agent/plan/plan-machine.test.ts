import { describe, expect, test } from 'vitest';
import { RUN_STRATEGIES } from '../../../shared/model/virtual-machine.ts';
import { createScenario, desiredMachine, imageMachine } from './scenario.ts';

describe('run strategies', () => {
  test.each([
    ['Always', 'shutdown', 'Running'],
    ['Always', 'guest-panicked', 'Running'],
    ['RerunOnFailure', 'shutdown', 'Succeeded'],
    ['RerunOnFailure', 'guest-panicked', 'Running'],
    ['Once', 'shutdown', 'Succeeded'],
    ['Once', 'guest-panicked', 'Failed'],
  ] as const)('%s after the guest ended with %s: %s', (strategy, end, state) => {
    const scenario = createScenario(desiredMachine(strategy));
    scenario.settle();
    scenario.guest(end);
    scenario.pass(5);
    expect(scenario.state).toBe(state);
    expect(scenario.count('start')).toBe(state === 'Running' ? 2 : 1);
  });

  test.each(['Halted', 'Manual'] as const)('%s starts nothing by itself', (strategy) => {
    const scenario = createScenario(desiredMachine(strategy));
    scenario.pass(30);
    expect(scenario.state).toBe('Stopped');
    expect(scenario.actions).toEqual([]);
  });

  test('a Manual machine runs once for each order to start', () => {
    const scenario = createScenario(desiredMachine('Manual'));
    scenario.tick();
    scenario.order('start');
    scenario.settle();
    expect(scenario.state).toBe('Running');
    scenario.guest('shutdown');
    scenario.pass(30);
    expect(scenario.state).toBe('Succeeded');
    scenario.order('start');
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect(scenario.count('start')).toBe(2);
  });

  test.each(RUN_STRATEGIES)('a tick repeated under %s changes nothing', (strategy) => {
    const scenario = createScenario(desiredMachine(strategy));
    scenario.settle();
    const before = scenario.memory;
    const plan = scenario.tick();
    expect(plan.actions).toEqual([]);
    expect(plan.events).toEqual([]);
    expect(plan.statusChanged).toBe(false);
    expect(scenario.memory).toEqual(before);
  });
});

describe('a box that was without power', () => {
  test.each([
    ['Always', 2],
    ['RerunOnFailure', 2],
    ['Once', 1],
  ] as const)('%s has been started %d times when it is back', (strategy, starts) => {
    const scenario = createScenario(desiredMachine(strategy));
    scenario.settle();
    scenario.loseProcess();
    scenario.settle();
    expect(scenario.count('start')).toBe(starts);
  });

  test('a box that comes up with its clock a year off starts what waited for its next try', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.failStarts('no memory');
    scenario.tick();
    scenario.pass(60);
    scenario.failStarts(undefined);
    scenario.reboot();
    scenario.settle();
    expect(scenario.state).toBe('Running');
  });

  test('going down with the box does not count as a failure of the machine', () => {
    const scenario = createScenario(desiredMachine('Always'));
    for (let outage = 0; outage < 5; outage += 1) {
      scenario.settle();
      expect(scenario.state).toBe('Running');
      scenario.reboot();
    }
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect(scenario.memory.failures).toBe(0);
  });

  test('a disk that was there and is gone is not made anew', () => {
    const scenario = createScenario(imageMachine());
    scenario.tick();
    scenario.setImage({ state: 'ready', path: '/base', sha256: 'ab', format: 'qcow2', virtualBytes: 1 });
    scenario.settle();
    expect(scenario.state).toBe('Running');
    scenario.reboot();
    scenario.loseFolder();
    scenario.pass(60);
    expect(scenario.status).toMatchObject({ state: 'Refused', reason: 'DiskMissing' });
    expect(scenario.count('start')).toBe(1);
  });

  test('a start that was cut off before QEMU was seen is made again with the same number', () => {
    const scenario = createScenario(desiredMachine('Once'));
    scenario.cutOffStarts(true);
    expect(scenario.tick().actions).toMatchObject([{ kind: 'start', run: 1 }]);
    scenario.cutOffStarts(false);
    expect(scenario.tick().actions).toMatchObject([{ kind: 'start', run: 1 }]);
    scenario.settle();
    expect(scenario.state).toBe('Running');
  });
});

describe('stopping', () => {
  test('presses the button, again, then quits QEMU, then kills it, inside the grace period', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    scenario.tick();
    expect(scenario.actions.at(-1)).toBe('power-button');
    expect(scenario.state).toBe('Stopping');
    scenario.pass(9);
    expect(scenario.count('power-button')).toBe(1);
    scenario.pass(2);
    expect(scenario.count('power-button')).toBe(2);
    expect(scenario.count('quit')).toBe(0);
    scenario.pass(17);
    expect(scenario.count('quit')).toBe(1);
    expect(scenario.state).toBe('Stopped');
    expect(scenario.count('kill')).toBe(0);
  });

  test('a guest that goes down on the button is not started again under Always', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    scenario.tick();
    scenario.guest('shutdown');
    scenario.pass(60);
    expect(scenario.state).toBe('Stopped');
    expect(scenario.count('start')).toBe(1);
    expect(scenario.events).toContain('Stopped');
  });

  test('a grace period of 0 kills at once', () => {
    const desired = desiredMachine('Always');
    const scenario = createScenario({
      ...desired,
      spec: { ...desired.spec, terminationGracePeriodSeconds: 0 },
    });
    scenario.settle();
    scenario.want({
      ...desired,
      runStrategy: 'Halted',
      spec: { ...desired.spec, terminationGracePeriodSeconds: 0 },
    });
    scenario.tick();
    expect(scenario.actions).toEqual(['start', 'kill']);
  });

  test('a machine whose monitor does not answer is killed when the grace period is over, not before', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.guest(undefined);
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    scenario.pass(30);
    expect(scenario.count('kill')).toBe(0);
    scenario.pass(2);
    expect(scenario.actions).toEqual(['start', 'kill']);
  });

  test('a stop that is called off lets the guest be, and starts it again should it go down all the same', () => {
    const scenario = createScenario(desiredMachine('RerunOnFailure'));
    scenario.settle();
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    scenario.tick();
    scenario.want(desiredMachine('RerunOnFailure', { generation: 3 }));
    scenario.pass(20);
    expect(scenario.actions).toEqual(['start', 'power-button']);
    scenario.guest('shutdown');
    scenario.pass(3);
    expect(scenario.state).toBe('Running');
    expect(scenario.count('start')).toBe(2);
  });

  test('a stop that was called off long ago has nothing to do with the guest shutting down', () => {
    const scenario = createScenario(desiredMachine('RerunOnFailure'));
    scenario.settle();
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    scenario.tick();
    scenario.want(desiredMachine('RerunOnFailure', { generation: 3 }));
    scenario.pass(60);
    scenario.guest('shutdown');
    scenario.pass(3);
    expect(scenario.state).toBe('Succeeded');
  });

  test('a clock that is set forward during a stop takes nothing off the grace period', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want(desiredMachine('Halted', { generation: 2 }));
    scenario.tick();
    scenario.setClock(3_600_000);
    scenario.pass(5);
    expect(scenario.actions).toEqual(['start', 'power-button']);
  });
});

describe('what never happens', () => {
  test('a process that does not answer is Unknown, and no second one is started', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.guest(undefined);
    scenario.pass(600);
    expect(scenario.state).toBe('Unknown');
    expect(scenario.actions).toEqual(['start']);
  });

  test('a running machine is not stopped because its newer description can not be read', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want({ ...desiredMachine('Always', { generation: 2 }), fromTheFuture: true });
    scenario.pass(60);
    expect(scenario.state).toBe('Running');
    expect(scenario.status).toMatchObject({ reason: 'NotSupported', generation: 2 });
    expect(scenario.status?.message).toContain('fromTheFuture');
    expect(scenario.actions).toEqual(['start']);
  });

  test('a machine that can not be read is stopped by an order on the box', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want({ ...desiredMachine('Always', { generation: 2 }), fromTheFuture: true });
    scenario.order('restart');
    scenario.pass(5);
    expect(scenario.actions).toEqual(['start']);
    scenario.order('stop');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.state).toBe('Stopped');
  });

  test('a machine that could not be observed is Unknown, and nothing is done with it', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.loseProcess();
    scenario.observe({ problem: 'its record can not be read' });
    scenario.pass(60);
    expect(scenario.status).toMatchObject({ state: 'Unknown', message: 'its record can not be read' });
    expect(scenario.actions).toEqual(['start']);
  });

  test('a machine that can not be read and does not run is Refused with the field', () => {
    const desired = desiredMachine('Always');
    const scenario = createScenario({ ...desired, spec: { ...desired.spec, domain: { devices: {} } } });
    scenario.pass(5);
    expect(scenario.state).toBe('Refused');
    expect(scenario.status?.message).toContain('spec.domain.memory.guest');
    expect(scenario.actions).toEqual([]);
  });
});
