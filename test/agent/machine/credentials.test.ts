import { expect, test } from 'vitest';
import { compileCredentials } from '../../../agent/machine/credentials.ts';
import { base64, desired } from './desired.ts';

const byAgent = (secretName: string, users: string[]) => ({
  sshPublicKey: { source: { secret: { secretName } }, propagationMethod: { qemuGuestAgent: { users } } },
});
const SECRETS = {
  one: { data: { key: base64('ssh-rsa AA a\n# mine\n\nssh-rsa BB b\n') } },
  two: { data: { key: base64('ssh-rsa BB b') } },
  passwords: { data: { debian: base64('open sesame') } },
};
const compile = (accessCredentials: object[], secrets: object = SECRETS) =>
  compileCredentials(desired({ spec: { accessCredentials }, entry: { references: { secrets } } }));

test('users get the keys of all Secrets that name them, and their passwords', () => {
  const passwords = {
    userPassword: {
      source: { secret: { secretName: 'passwords' } },
      propagationMethod: { qemuGuestAgent: {} },
    },
  };
  expect(compile([byAgent('one', ['root', 'debian']), byAgent('two', ['root']), passwords])?.list).toEqual([
    { kind: 'keys', user: 'root', keys: ['ssh-rsa AA a', 'ssh-rsa BB b'] },
    { kind: 'keys', user: 'debian', keys: ['ssh-rsa AA a', 'ssh-rsa BB b'] },
    { kind: 'password', user: 'debian', password: 'open sesame' },
  ]);
  expect(compile([])).toBeUndefined();
  expect(() => compile([byAgent('none', ['root'])])).toThrow('accessCredentials: there is no Secret none');
});

test('the digest changes with what a Secret holds, and shows nothing of it', () => {
  const digest = (key: string) =>
    compile([byAgent('one', ['root'])], { one: { data: { key: base64(key) } } })?.digest;
  expect(digest('ssh-rsa AA')).toBe(digest('ssh-rsa AA'));
  expect(digest('ssh-rsa AB')).not.toBe(digest('ssh-rsa AA'));
  expect(digest('ssh-rsa AA')).toMatch(/^[0-9a-f]{16}$/);
});
