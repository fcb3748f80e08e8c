import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createHostPorts } from '../../../agent/qemu/host-ports.ts';

const ADDRESS = '127.0.0.1';
const web = { interface: 'default', name: 'web', port: 80, protocol: 'TCP' } as const;
const dns = { interface: 'default', port: 53, protocol: 'UDP' } as const;

test('a machine keeps its ports', async () => {
  const ports = createHostPorts(ADDRESS);
  const first = await ports.choose('a', [web, dns], []);
  expect(first).toEqual([
    { ...web, hostAddress: ADDRESS, hostPort: expect.any(Number) },
    { ...dns, hostAddress: ADDRESS, hostPort: expect.any(Number) },
  ]);
  expect(await ports.choose('a', [web, dns], first)).toEqual(first);
  expect(await createHostPorts(ADDRESS).choose('a', [dns, web], first)).toEqual(first.toReversed());
});

test('a port that is taken on the box is left alone', async () => {
  const ports = createHostPorts(ADDRESS);
  const before = await ports.choose('a', [web, dns], []);
  const server = createServer().listen(before[0]?.hostPort, ADDRESS);
  await once(server, 'listening');
  const socket = createSocket('udp4').bind(before[1]?.hostPort, ADDRESS);
  await once(socket, 'listening');
  const after = await ports.choose('a', [web, dns], before);
  server.close();
  socket.close();
  for (const [index, { hostPort }] of after.entries()) expect(hostPort).not.toBe(before[index]?.hostPort);
});

test("another machine's port is not given away while that is off", async () => {
  const ports = createHostPorts(ADDRESS);
  const before = await ports.choose('a', [web], []);
  expect(await ports.choose('b', [web], before)).not.toEqual(before);
  ports.release('a');
  expect(await ports.choose('c', [web], before)).toEqual(before);

  const later = createHostPorts(ADDRESS);
  later.claim('a', before);
  expect(await later.choose('b', [web], before)).not.toEqual(before);
  expect(await later.choose('a', [web], before)).toEqual(before);
});

test('a port that a machine has let go of is not its own any more', async () => {
  const ports = createHostPorts(ADDRESS);
  const [first, second] = await ports.choose('a', [web, dns], []);
  if (first === undefined || second === undefined) throw new Error('no ports');
  ports.keep('a', [first]);
  expect(await ports.choose('b', [web, dns], [first, second])).toEqual([
    expect.not.objectContaining({ hostPort: first.hostPort }),
    second,
  ]);
});

test('machines that start at once get ports of their own', async () => {
  const ports = createHostPorts(ADDRESS);
  const chosen = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => ports.choose(String(index), [web], [])),
  );
  expect(new Set(chosen.map(([port]) => port?.hostPort)).size).toBe(50);
});

test('an address that is not the box its own is said to be the trouble', async () => {
  await expect(createHostPorts('192.0.2.1').choose('a', [web], [])).rejects.toMatchObject({
    code: 'NoFreePort',
  });
});
