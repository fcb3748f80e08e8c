import { expect, test } from 'vitest';
import {
  parseAddresses,
  parseAgent,
  parseFileSystems,
  parseHostname,
  parseOs,
  parseTimezone,
  parseUsers,
} from '../../../agent/qemu/guest-forms.ts';

const ETH0 = {
  name: 'eth0',
  'hardware-address': '52:54:00:AA:00:01',
  'ip-addresses': [{ 'ip-address': '10.0.2.15', prefix: 24 }],
};
const FOUND = [{ name: 'eth0', mac: '52:54:00:aa:00:01', ips: ['10.0.2.15'] }];

test('only addresses that are some are taken, and not too many', () => {
  const lo = {
    name: 'lo',
    'hardware-address': '00:00:00:00:00:00',
    'ip-addresses': [{ 'ip-address': '127.0.0.1' }],
  };
  const odd = { ...ETH0, 'ip-addresses': [{ 'ip-address': '<script>' }, { 'ip-address': 'fe80::1' }] };
  expect(parseAddresses([lo, ETH0, { name: 'tun0' }])).toEqual(FOUND);
  expect(parseAddresses([odd])).toEqual([{ ...FOUND[0], ips: ['fe80::1'] }]);
  expect(parseAddresses(Array.from({ length: 1000 }, () => ETH0))).toHaveLength(32);
  for (const nonsense of [undefined, 'x', {}, [1], [{ ...ETH0, name: 'x'.repeat(100) }]])
    expect(parseAddresses(nonsense)).toEqual([]);
});

test('the system of a guest is told in names of KubeVirt, as printable text of a bounded length', () => {
  const os = {
    id: 'debian',
    'pretty-name': `Debian\u001b[31m\n${'x'.repeat(1000)}`,
    'kernel-release': '6.1',
    odd: 1,
  };
  const parsed = parseOs(os);
  expect(parsed).toMatchObject({ id: 'debian', kernelRelease: '6.1' });
  expect(parsed.prettyName).toMatch(/^Debian\[31mx+$/);
  expect(parsed.prettyName).toHaveLength(256);
  expect(parseTimezone({ zone: 'CET', offset: 3600 })).toBe('CET, 3600');
  expect(parseHostname({ 'host-name': 'pos.shop' })).toBe('pos.shop');
});

test('an item that makes no sense hides no other', () => {
  expect(parseUsers([{ user: 'ada', 'login-time': 12.5 }, { 'login-time': 1 }, 'x'])).toEqual([
    { userName: 'ada', loginTime: 12.5 },
  ]);
  const root = { name: 'vda1', mountpoint: '/', type: 'ext4', 'used-bytes': 5, 'total-bytes': 10 };
  const disk = [{ 'bus-type': 'virtio', serial: 's1', dev: '/dev/vda1' }, 3];
  expect(
    parseFileSystems([{ ...root, disk }, { name: 'sr0', mountpoint: '/cd', type: 'iso9660' }, {}]),
  ).toEqual([
    {
      diskName: 'vda1',
      mountPoint: '/',
      fileSystemType: 'ext4',
      usedBytes: 5,
      totalBytes: 10,
      disk: [{ busType: 'virtio', serial: 's1' }],
    },
    { diskName: 'sr0', mountPoint: '/cd', fileSystemType: 'iso9660', usedBytes: 0, totalBytes: 0, disk: [] },
  ]);
});

test('commands are told in one order, so that a guest that shuffles them changes nothing', () => {
  const named = (name: string) => ({ name, enabled: true });
  const agent = (...names: string[]) => parseAgent({ version: '1', supported_commands: names.map(named) });
  expect(agent('guest-ping', 'guest-exec')).toEqual(agent('guest-exec', 'guest-ping'));
  expect(parseAgent({ version: 7 })).toBeUndefined();
});
