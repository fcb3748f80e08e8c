import { expect, test } from 'vitest';
import { parseForwards } from '../../../agent/qemu/forwards.ts';

test('what QEMU forwards in one network, of all that it tells', () => {
  const told = [
    'Hub -1 (net-default):',
    '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
    '  TCP[HOST_FORWARD]  14       127.0.0.1 39085       10.0.2.15    22     0     0',
    '  TCP[ESTABLISHED]   17       127.0.0.1 39085       10.0.2.15    22     0     0',
    '  TCP[HOST_FORWARD]   8               * 39545       10.0.2.15    80     0     0',
    '  UDP[HOST_FORWARD]  15       127.0.0.1 55729       10.0.2.15    53     0     0',
    'Hub -1 (net-other):',
    '  TCP[HOST_FORWARD]  19       127.0.0.1 40000       10.0.3.15    22     0     0',
    '',
  ].join('\r\n');
  const hostAddress = '127.0.0.1';
  expect(parseForwards(told, 'net-default')).toEqual([
    { protocol: 'TCP', hostAddress, hostPort: 39_085, guestPort: 22 },
    { protocol: 'TCP', hostAddress, hostPort: 39_545, guestPort: 80 },
    { protocol: 'UDP', hostAddress, hostPort: 55_729, guestPort: 53 },
  ]);
  expect(parseForwards(told, 'net')).toEqual([]);
});
