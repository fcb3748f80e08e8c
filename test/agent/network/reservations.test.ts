import { expect, test } from 'vitest';
import { parseCidr } from '../../../shared/base/cidr.ts';
import type { Reservations } from '../../../agent/network/reservations.ts';
import {
  forgetMachine,
  formatHosts,
  formatOptions,
  parseLeases,
  parseReservations,
  reserve,
} from '../../../agent/network/reservations.ts';
import { formatAlias, nameTap, parseAlias } from '../../../agent/network/tap.ts';

const SMALL = parseCidr('10.46.0.0/29') as NonNullable<ReturnType<typeof parseCidr>>;
const macOf = (number: number) => `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`;
const add = (held: Reservations, number: number, subnet = SMALL) =>
  reserve(held, subnet, macOf(number), { uid: `uid-${number}`, hostname: `pos-${number}`, dhcp: {} });

test('every address but those of the network, the box and all is given, each once, and then none', () => {
  const full = [1, 2, 3, 4, 5].reduce((held: Reservations, number) => add(held, number), {});
  const addresses = Object.values(full).map(({ address }) => address);
  expect(addresses.toSorted()).toEqual(['10.46.0.2', '10.46.0.3', '10.46.0.4', '10.46.0.5', '10.46.0.6']);
  expect(() => add(full, 6)).toThrow('no address left: widen the agent');
  const freed = full[macOf(3)]?.address;
  expect(add(forgetMachine(full, 'uid-3'), 6)[macOf(6)]?.address).toBe(freed);
});

test('a card keeps its address, unless the network has become another', () => {
  const held = add(add({}, 7), 8);
  expect(add(held, 7)).toEqual(held);
  const moved = parseCidr('10.99.0.0/24') as typeof SMALL;
  const after = add(held, 7, moved);
  expect(after[macOf(7)]?.address).toMatch(/^10\.99\.0\./);
  // The other is told to dnsmasq again only once it has an address there.
  expect(formatHosts(after, moved)).toBe(`${macOf(7)},set:c020000000007,${after[macOf(7)]?.address},pos-7\n`);
});

test('what DHCP is to say is said to that card alone', () => {
  const dhcp = {
    bootFileName: 'a, b',
    tftpServerName: 'tftp.example',
    ntpServers: ['10.0.0.1', '10.0.0.2'],
    privateOptions: [{ option: 240, value: 'till 7' }],
  };
  const held = reserve(add({}, 1), SMALL, macOf(2), { uid: 'uid-2', hostname: 'pos', dhcp });
  expect(formatOptions(held)).toBe(
    [
      'tag:c020000000002,66,"tftp.example"',
      'tag:c020000000002,67,"a, b"',
      'tag:c020000000002,42,10.0.0.1,10.0.0.2',
      'tag:c020000000002,240,"till 7"',
      '',
    ].join('\n'),
  );
});

test('a file that holds no addresses is not taken for an empty one', () => {
  expect(parseReservations(undefined, 'a')).toEqual({});
  for (const text of ['', '{', '[]', '{"02:00:00:00:00:01":{}}']) {
    expect(() => parseReservations(text, '/x/addresses.json')).toThrow(
      '/x/addresses.json holds no addresses',
    );
  }
});

test('leases are read by MAC, and what else dnsmasq writes is passed over', () => {
  const text = '1700000000 02:00:00:00:00:01 10.46.0.2 pos 01:02\nduid 00:01\n1700000000 cut';
  expect([...parseLeases(text)]).toEqual([['02:00:00:00:00:01', '10.46.0.2']]);
});

test('a tap says whose it is, however long the name of its machine and odd that of its bridge', () => {
  const owner = {
    uid: '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b',
    card: 'a'.repeat(63),
    mac: '02:00:00:00:00:01',
    segment: 'br,0.4094',
    machine: `shop/${'p'.repeat(253)}`,
  };
  const alias = formatAlias('0123abcd', owner);
  expect(alias.length).toBe(255);
  const { machine, ...rest } = owner;
  expect(parseAlias('0123abcd', alias)).toEqual({ ...rest, machine: expect.stringMatching(/^shop\/p+$/) });
  expect(machine.startsWith(String(parseAlias('0123abcd', alias)?.machine))).toBe(true);
  expect(parseAlias('ffffffff', alias)).toBeUndefined();
  expect(parseAlias('0123abcd', 'uplink of the shop')).toBeUndefined();
  const names = Array.from({ length: 10_000 }, (_, index) => nameTap('0123abcd', owner.uid, `card-${index}`));
  expect(new Set(names).size).toBe(10_000);
  expect(names.every((name) => name.length === 15)).toBe(true);
});
