import { hostname, networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { readIdentity } from '../../../agent/facts/identity.ts';

test('a box is known by its name and its addresses, of which none is its own loopback', () => {
  const identity = readIdentity();
  expect(identity.hostname).toBe(hostname());
  const outer = Object.values(networkInterfaces())
    .flat()
    .filter((one) => one !== undefined && !one.internal && one.family === 'IPv4')
    .map((one) => one?.address);
  expect(identity.addresses).toEqual(outer.slice(0, 4));
  expect(identity.addresses).not.toContain('127.0.0.1');
  expect(identity.serial).not.toBe('');
});
