import { expect, test } from 'vitest';
import { addressAt, offsetOf, parseCidr, sizeOf } from '../../../shared/base/cidr.ts';

const at = (text: string, offset: number) => {
  const cidr = parseCidr(text);
  return cidr && `${addressAt(cidr, offset)}/${cidr.prefix}`;
};

test.each([
  ['10.0.2.0/24', 0, '10.0.2.0/24'],
  ['10.0.2.77/24', 2, '10.0.2.2/24'],
  ['10.46.0.0/20', 256, '10.46.1.0/20'],
  ['0.0.0.0/0', 1, '0.0.0.1/0'],
  ['255.255.255.255/32', 0, '255.255.255.255/32'],
  ['fd10:0:2::/120', 2, 'fd10:0:2::2/120'],
  ['FD10::1:0:0:5/64', 1, 'fd10::1/64'],
  ['2001:db8:0:1:2:3:4:5/128', 0, '2001:db8:0:1:2:3:4:5/128'],
  ['::/0', 1, '::1/0'],
  ['1::/16', 0, '1::/16'],
])('%s, %d on, is %s', (text, offset, expected) => {
  expect(at(text, offset)).toBe(expected);
});

test.each([
  '',
  '10.0.2.0',
  '10.0.2/24',
  '10.0.2.256/24',
  '010.0.2.0/24',
  '10.0.2.0/33',
  '10.0.2.0/24/1',
  '10.0.2.0/a',
  'fd10:::/64',
  'fd10::1::/64',
  '1:2:3:4:5:6:7:8:9/64',
  '1:2:3:4:5:6:7/64',
  'fd10::/129',
  'fd1g::/64',
])('%j is no network', (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test('an address is so far into its network, or not in it', () => {
  const cidr = parseCidr('10.46.0.0/20');
  if (cidr === undefined) throw new Error('no network');
  expect(offsetOf(cidr, '10.46.1.2')).toBe(258n);
  expect(offsetOf(cidr, '10.46.16.0')).toBeUndefined();
  expect(offsetOf(cidr, '10.45.255.255')).toBeUndefined();
  expect(sizeOf(cidr)).toBe(4096n);
});
