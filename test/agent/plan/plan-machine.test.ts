import { describe, expect, test } from 'vitest';
import { RUN_STRATEGIES } from '../../../shared/model/virtual-machine.ts';
import { createScenario, desiredMachine, UID } from './scenario.ts';

const IMAGE_URL = 'http://images.example/pos.qcow2';

function withImage() {
  const desired = desiredMachine('Always');
  const dataVolumes = [{ metadata: { name: 'root' }, spec: { source: { http: { url: IMAGE_URL } } } }];
  const volumes = [{ name: 'disk', dataVolume: { name: 'root' } }];
  return { ...desired, dataVolumes, spec: { ...desired.spec, volumes } };
}

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
    scenario.pass(60);
    expect(scenario.actions).toEqual(['start', 'power-button']);
    scenario.guest('shutdown');
    scenario.pass(3);
    expect(scenario.state).toBe('Running');
    expect(scenario.count('start')).toBe(2);
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

  test('a machine that can not be read and does not run is Refused with the field', () => {
    const desired = desiredMachine('Always');
    const scenario = createScenario({ ...desired, spec: { ...desired.spec, domain: { devices: {} } } });
    scenario.pass(5);
    expect(scenario.state).toBe('Refused');
    expect(scenario.status?.message).toContain('spec.domain.memory.guest');
    expect(scenario.actions).toEqual([]);
  });
});

describe('failures', () => {
  test('starts that fail are spaced out by 10 n² seconds, at most 300', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.failStarts('no memory');
    const startsAfter = (seconds: number) => {
      scenario.pass(seconds);
      return scenario.count('start');
    };
    scenario.tick();
    expect(scenario.count('start')).toBe(1);
    expect(startsAfter(9)).toBe(1);
    expect(startsAfter(1)).toBe(2);
    expect(startsAfter(39)).toBe(2);
    expect(startsAfter(1)).toBe(3);
    expect(scenario.state).toBe('Starting');
    scenario.tick();
    expect(scenario.state).toBe('BackOff');
    expect(scenario.status?.message).toContain('no memory');
    scenario.pass(3_000);
    const before = scenario.count('start');
    expect(startsAfter(300)).toBe(before + 1);
  });

  test('a start that failed is tried again under Once and is counted as a run only when the guest ran', () => {
    const scenario = createScenario(desiredMachine('Once'));
    scenario.failStarts('port in use');
    scenario.tick();
    scenario.failStarts(undefined);
    scenario.pass(12);
    expect(scenario.state).toBe('Running');
    expect(scenario.status?.process?.pid).toBe(4711);
  });

  test('a guest that crashes soon after each start is held back, and a good run clears that', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    for (let crash = 0; crash < 3; crash += 1) {
      scenario.guest('guest-panicked');
      scenario.tick();
      scenario.tick();
      if (crash < 2) scenario.settle();
    }
    expect(scenario.state).toBe('BackOff');
    scenario.pass(15);
    expect(scenario.state).toBe('Running');
    scenario.pass(301);
    scenario.guest('guest-panicked');
    scenario.pass(3);
    expect(scenario.state).toBe('Running');
    expect(scenario.memory.failures).toBe(0);
  });

  test('an I/O error pauses the machine, and it is let go on until that works', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.guest('io-error');
    scenario.pass(21);
    expect(scenario.state).toBe('Paused');
    expect(scenario.count('resume')).toBe(3);
    expect(scenario.events.filter((reason) => reason === 'IOError')).toHaveLength(1);
    scenario.guest('running');
    scenario.tick();
    expect(scenario.state).toBe('Running');
  });
});

describe('images', () => {
  test('are fetched before the first start, told in steps, and not asked for once the disk exists', () => {
    const scenario = createScenario(withImage());
    scenario.tick();
    expect(scenario.actions).toEqual(['fetch-image']);
    scenario.setImage({ state: 'fetching', bytes: 37, totalBytes: 100 });
    expect(scenario.tick().status.message).toBe(`fetching ${IMAGE_URL}: 35 % of 100 B`);
    scenario.setImage({ state: 'fetching', bytes: 39, totalBytes: 100 });
    expect(scenario.tick().statusChanged).toBe(false);
    scenario.setImage({ state: 'ready', path: '/base', sha256: 'ab', format: 'qcow2', virtualBytes: 1 });
    scenario.settle();
    expect(scenario.state).toBe('Running');
    scenario.setImage({ state: 'absent' });
    scenario.guest('shutdown');
    scenario.pass(3);
    expect(scenario.state).toBe('Running');
    expect(scenario.count('fetch-image')).toBe(1);
  });

  test('a failed fetch says why and is tried again after a while', () => {
    const scenario = createScenario(withImage());
    scenario.tick();
    const atMs = Date.parse('2026-03-01T08:00:00Z');
    scenario.setImage({
      state: 'failed',
      code: 'ChecksumMismatch',
      message: 'wrong hash',
      atMs,
      attempts: 1,
    });
    scenario.pass(5);
    expect(scenario.status).toMatchObject({ state: 'Provisioning', reason: 'ChecksumMismatch' });
    expect(scenario.events).toEqual(['ChecksumMismatch']);
    expect(scenario.count('fetch-image')).toBe(1);
    scenario.pass(6);
    expect(scenario.count('fetch-image')).toBe(2);
  });
});

describe('removal and orders on the box', () => {
  const removed = { uid: UID, namespace: 'default', name: 'pos', kind: 'VirtualMachine', removed: true };

  test('a deleted machine is shut down first, then its disks go', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want(removed);
    scenario.tick();
    expect(scenario.state).toBe('Removing');
    expect(scenario.count('remove')).toBe(0);
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.actions).toEqual(['start', 'power-button', 'quit', 'remove']);
    expect(scenario.state).toBe('Removed');
  });

  test('a stop on the box holds against Always until it is taken back there', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.order('stop');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.pass(100);
    expect(scenario.status).toMatchObject({ state: 'Stopped', reason: 'StoppedOnBox' });
    expect(scenario.status?.override).toMatchObject({ verb: 'stop', reason: 'a test' });
    scenario.order('start');
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect(scenario.status?.override).toBeUndefined();
  });

  test('a stop on the box ends when the hub changes the run strategy', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.order('stop');
    scenario.tick();
    scenario.guest('shutdown');
    scenario.settle();
    scenario.want(desiredMachine('RerunOnFailure', { generation: 2 }));
    scenario.settle();
    expect(scenario.state).toBe('Running');
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

  test('a change that needs a restart is told, and made at the next start', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    const desired = desiredMachine('Always', { generation: 2 });
    const domain = { ...desired.spec.domain, memory: { guest: '256Mi' } };
    scenario.want({ ...desired, spec: { ...desired.spec, domain } });
    scenario.settle();
    expect(scenario.state).toBe('Running');
    expect(scenario.status?.restartRequired).toBeDefined();
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.status?.restartRequired).toBeUndefined();
  });
});
