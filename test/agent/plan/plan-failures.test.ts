import { describe, expect, test } from 'vitest';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { createScenario, desiredMachine, IMAGE_URL, imageMachine, UID, UPTIME_MS } from './scenario.ts';

describe('failures', () => {
  test('while the accelerator is being found out a machine is starting, without an alarm; without one it is Refused', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.setBox({ probing: true, acceleratorReason: 'trying KVM' });
    scenario.tick();
    expect(scenario.status).toMatchObject({ state: 'Starting', message: 'trying KVM' });
    expect(scenario.events).toEqual([]);
    scenario.setBox({ probing: false, acceleratorReason: 'QEMU is missing' });
    scenario.tick();
    expect(scenario.status).toMatchObject({
      state: 'Refused',
      reason: 'NoAccelerator',
      message: 'QEMU is missing',
    });
    expect(scenario.events).toEqual(['NoAccelerator']);
  });

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
    expect(scenario.status?.backOff?.failures).toBeGreaterThan(0);
    expect(scenario.status?.message).toContain('no memory');
    scenario.pass(3_000);
    const before = scenario.count('start');
    expect(startsAfter(300)).toBe(before + 1);
  });

  test('a start that the box has no network for is Refused, and tried again', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.failStarts('the box has no bridge br0: make it', 'NetworkRefused');
    scenario.tick();
    scenario.tick();
    expect(scenario.status).toMatchObject({ state: 'Refused', reason: 'NetworkRefused' });
    expect(scenario.status?.message).toContain('no bridge br0: make it; the next try is at ');
    scenario.failStarts(undefined);
    scenario.pass(12);
    expect(scenario.state).toBe('Running');
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

  test('a guest that its watchdog powers off is said to have ended by that, reaped and started again', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.guest('watchdog');
    const message = "the guest's watchdog fired, and powered it off";
    expect(scenario.tick().events).toEqual([{ type: 'Warning', reason: 'Failed', message }]);
    expect(scenario.count('quit')).toBe(1);
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
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
    const scenario = createScenario(imageMachine());
    scenario.tick();
    expect(scenario.actions).toEqual(['fetch-image']);
    scenario.setImage({ state: 'fetching', bytes: 37, totalBytes: 100 });
    const { message, dataVolumes } = scenario.tick().status;
    expect(message).toBe(`fetching ${IMAGE_URL}: 35 % of 100 B`);
    expect(dataVolumes).toMatchObject([{ phase: 'ImportInProgress', progress: '35.0%' }]);
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
    const scenario = createScenario(imageMachine());
    scenario.tick();
    const atMs = UPTIME_MS;
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

describe('removal and changes', () => {
  const removed = { uid: UID, namespace: 'default', name: 'pos', kind: 'VirtualMachine', removed: true };

  test('a deleted machine has its own grace period', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want({ ...removed, terminationGracePeriodSeconds: 300 });
    scenario.pass(200);
    expect(scenario.count('quit')).toBe(0);
    scenario.want({ ...removed, terminationGracePeriodSeconds: 0 });
    scenario.tick();
    expect(scenario.actions.at(-1)).toBe('kill');
  });

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

  test('a deleted machine says where its disks are kept, and for how long', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.keepTrash({ folder: '/data/trash', keepMs: 168 * 3_600_000 });
    scenario.want({ ...removed, terminationGracePeriodSeconds: 0 });
    scenario.settle();
    expect(scenario.status).toMatchObject({
      state: 'Removed',
      message: 'the machine is gone; what it had of disks is kept in /data/trash of its box, for 168 h',
    });
  });

  const changed = (domain: object): DesiredMachine => {
    const desired = desiredMachine('Always', { generation: 2 });
    return { ...desired, spec: { ...desired.spec, domain: { ...desired.spec.domain, ...domain } } };
  };

  test('a change that needs a restart is told with its fields, also while paused, and made at the next start', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.want(changed({ firmware: { serial: 'x' } }));
    const said = 'changes take effect at the next start: spec.template.spec.domain.firmware.serial';
    for (const runState of ['running', 'paused', 'running']) {
      scenario.guest(runState);
      scenario.settle();
      expect(scenario.status?.restartRequired).toBe(said);
    }
    expect(scenario.events.filter((reason) => reason === 'RestartRequired')).toHaveLength(1);
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.status?.restartRequired).toBeUndefined();
  });

  test('a change that can be made while the guest runs is made once, and not while it is held', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.guest('paused');
    scenario.want(changed({ memory: { guest: '256Mi' } }));
    scenario.settle();
    expect(scenario.count('change')).toBe(0);
    scenario.guest('running');
    scenario.settle();
    scenario.pass(60);
    expect(scenario.count('change')).toBe(1);
    expect(scenario.status).toMatchObject({ state: 'Running' });
    expect(scenario.status?.restartRequired).toBeUndefined();
    expect(scenario.count('start')).toBe(1);
  });

  test('a change that fails leaves the machine running, is told, tried again ever more rarely, and forgotten once it works', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.failChanges('the guest keeps it');
    scenario.want(changed({ memory: { guest: '256Mi' } }));
    scenario.tick();
    scenario.pass(100);
    // At 0, 10 and 50 s.
    expect(scenario.count('change')).toBe(3);
    expect(scenario.status).toMatchObject({ state: 'Running' });
    expect(scenario.status?.restartRequired).toContain(
      'domain.memory.guest (not made while it runs: the guest keeps it)',
    );
    scenario.failChanges(undefined);
    scenario.pass(300);
    expect(scenario.count('change')).toBe(4);
    expect(scenario.status?.restartRequired).toBeUndefined();
    expect(scenario.memory.failedChanges).toBeUndefined();
  });

  test('a change that fails holds up no other, and each is tried again by itself', () => {
    const scenario = createScenario(desiredMachine('Always'));
    scenario.settle();
    scenario.failChanges('the guest keeps it', /memory/);
    scenario.want(changed({ memory: { guest: '256Mi' }, cpu: { sockets: 2 } }));
    scenario.settle();
    expect(scenario.count('change')).toBe(2);
    expect(scenario.status?.restartRequired).toBe(
      'changes take effect at the next start: spec.template.spec.domain.memory.guest (not made while it runs: the guest keeps it)',
    );
    scenario.failChanges('no', /CPUs|memory/);
    scenario.want(changed({ memory: { guest: '256Mi' }, cpu: { sockets: 4 } }));
    scenario.settle();
    expect(scenario.status?.restartRequired).toContain('domain.cpu.sockets (not made while it runs: no)');
    expect(scenario.status?.restartRequired).toContain(
      'domain.memory.guest (not made while it runs: the guest keeps it)',
    );
    // Memory at 10 s, CPUs as well: both failed first at 0.
    scenario.pass(11);
    expect(scenario.count('change')).toBe(5);
    scenario.failChanges(undefined);
    scenario.pass(60);
    expect(scenario.status?.restartRequired).toBeUndefined();
    expect(scenario.count('change')).toBe(7);
    expect(scenario.memory.failedChanges).toBeUndefined();
  });

  describe('a process of an agent that did not write down what it runs by', () => {
    const older = (generation: number) => {
      const scenario = createScenario(desiredMachine('Always'));
      scenario.settle();
      scenario.forgetRunning();
      scenario.want({ ...changed({ cpu: { model: 'host-model' } }), generation });
      scenario.settle();
      return scenario;
    };

    test('is the same where that agent said so of this description', () => {
      const scenario = older(1);
      expect(scenario.actions).toEqual(['start', 'change']);
      expect(scenario.status?.restartRequired).toBeUndefined();
    });

    test('is another where the description has changed since', () => {
      const scenario = older(2);
      expect(scenario.actions).toEqual(['start']);
      expect(scenario.status?.restartRequired).toContain('at its next start');
    });
  });
});
