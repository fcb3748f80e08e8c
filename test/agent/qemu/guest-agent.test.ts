import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { parseAddresses, readGuestAddresses } from '../../../agent/qemu/guest-agent.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createFakeSocket } from './fake-socket.ts';

let fake: Awaited<ReturnType<typeof createFakeSocket>> | undefined;
afterEach(async () => {
  await fake?.close();
  fake = undefined;
});

const ETH0 = {
  name: 'eth0',
  'hardware-address': '52:54:00:AA:00:01',
  'ip-addresses': [{ 'ip-address': '10.0.2.15', prefix: 24 }],
};
const FOUND = [{ name: 'eth0', mac: '52:54:00:aa:00:01', ips: ['10.0.2.15'] }];

/** A guest's agent that synchronises as it should and then answers with `answer`. */
async function read(answer: (client: Socket) => void): Promise<unknown> {
  fake = await createFakeSocket(
    () => {},
    (client, line) => {
      const request = JSON.parse(line.toString('latin1').replaceAll('ÿ', ''));
      if (request.execute === 'guest-sync-delimited')
        client.write(
          Buffer.concat([
            Buffer.from([0xff]),
            Buffer.from(`${JSON.stringify({ return: request.arguments.id })}\n`),
          ]),
        );
      else answer(client);
    },
  );
  return readGuestAddresses(fake.path, createClock());
}

test('addresses are read after what was left over from before', async () => {
  const addresses = await read((client) => client.write(`${JSON.stringify({ return: [ETH0] })}\n`));
  expect(addresses).toEqual(FOUND);
});

test.each([
  ['nonsense', 'nonsense\n'],
  ['an error', '{"error":{"class":"CommandNotFound"}}\n'],
  ['a line without an end', 'x'.repeat(300_000)],
])('a guest that says %s harms nothing', async (_name, said) => {
  await expect(read((client) => client.write(said))).rejects.toMatchObject({ code: 'GuestAgentFailed' });
});

test('a guest that says nothing is given up', async () => {
  await expect(read(() => {})).rejects.toMatchObject({ code: 'GuestAgentFailed' });
}, 10_000);

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
