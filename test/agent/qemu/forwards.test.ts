import { expect, test } from 'vitest';
import { readForwards } from '../../../agent/qemu/forwards.ts';

/** What QEMU 7.2 answers to `info usernet`, with a connection that goes on through a forward. */
const SAID = [
  'Hub -1 (net-default):',
  '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
  '  TCP[ESTABLISHED]   21       127.0.0.1 45680       10.0.2.15    80     0     0',
  '  TCP[HOST_FORWARD]   3       127.0.0.1 45680       10.0.2.15    80     0     0',
  '  UDP[236 sec]       22       10.0.2.15 40000        10.0.2.3    53     0     0',
  '  UDP[HOST_FORWARD]  12               * 45671       10.0.2.15    53     0     0',
  'Hub -1 (net-other):',
  '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
  '  TCP[HOST_FORWARD]   8       127.0.0.1 45670       10.0.3.15    81     0     0',
  '',
].join('\r\n');

test('what QEMU forwards is read of the network that is asked for, and of nothing else', () => {
  expect(readForwards(SAID, 'net-default')).toEqual([
    { protocol: 'TCP', hostAddress: '127.0.0.1', hostPort: 45680, port: 80 },
    { protocol: 'UDP', hostAddress: '0.0.0.0', hostPort: 45671, port: 53 },
  ]);
  expect(readForwards(SAID, 'net-other')).toMatchObject([{ port: 81 }]);
  expect(readForwards(SAID, 'net-gone')).toEqual([]);
});
