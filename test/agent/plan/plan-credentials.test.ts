import { expect, test } from 'vitest';
import { base64 } from '../machine/desired.ts';
import { createScenario, desiredMachine } from './scenario.ts';

/** A machine whose user has this key. */
function machineOf(key: string) {
  const desired = desiredMachine('Always');
  const propagationMethod = { qemuGuestAgent: { users: ['root'] } };
  const accessCredentials = [
    { sshPublicKey: { source: { secret: { secretName: 'keys' } }, propagationMethod } },
  ];
  const references = { secrets: { keys: { data: { key: base64(key) } } } };
  return { ...desired, references, spec: { ...desired.spec, accessCredentials } };
}

function runWith(problem?: string) {
  const scenario = createScenario(machineOf('ssh-rsa AA'));
  scenario.settle();
  expect(scenario.status?.credentials).toMatchObject({ synchronized: false });
  expect(scenario.count('give-credentials')).toBe(0);
  scenario.openGuestAgent(problem);
  scenario.settle();
  return scenario;
}

test('credentials are given once the guest agent is there, and again when they change', () => {
  const scenario = runWith();
  scenario.pass(200);
  expect(scenario.count('give-credentials')).toBe(1);
  expect(scenario.status?.credentials).toEqual({ synchronized: true });
  scenario.want(machineOf('ssh-rsa BB'));
  scenario.settle();
  scenario.pass(20);
  expect(scenario.count('give-credentials')).toBe(2);
  expect(scenario.status).not.toHaveProperty('restartRequired');
});

test('what the guest refuses is told, and tried again in its time', () => {
  const scenario = runWith('keys of root: there is no such user');
  scenario.pass(50);
  expect(scenario.count('give-credentials')).toBe(1);
  expect(scenario.status?.credentials).toEqual({
    synchronized: false,
    message: 'keys of root: there is no such user',
  });
  scenario.pass(30);
  expect(scenario.count('give-credentials')).toBe(2);
});
