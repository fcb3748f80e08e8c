import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { connectPort } from '../../../agent/qemu/guest-port.ts';
import { createClock } from '../../../shared/host/clock.ts';

const clock = createClock();
const host = '127.0.0.1';

test('over TCP what a guest says once it has heard all is heard', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    socket.on('end', () => socket.end(`heard ${heard}`));
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stream = await connectPort({ protocol: 'TCP', host, port }, clock);
  stream.end('all');
  expect(String((await once(stream, 'data'))[0])).toBe('heard all');
  await once(stream, 'close');
  server.close();
  await once(server, 'close');
  await expect(connectPort({ protocol: 'TCP', host, port }, clock)).rejects.toMatchObject({
    code: 'PortUnreachable',
    message: expect.stringMatching(/^dialing VM: .*ECONNREFUSED/) as string,
  });
});

test('over UDP each chunk is a datagram', async () => {
  const guest = createSocket('udp4');
  const heard: string[] = [];
  guest.on('message', (message, { port, address }) => {
    heard.push(message.toString());
    guest.send(`${message.toString()} too`, port, address);
  });
  guest.bind(0, host);
  await once(guest, 'listening');
  const stream = await connectPort({ protocol: 'UDP', host, port: guest.address().port }, clock);
  const answers: string[] = [];
  stream.on('data', (chunk: Buffer) => answers.push(chunk.toString()));
  for (const datagram of ['one', 'two']) stream.write(datagram);
  await expect.poll(() => answers).toEqual(['one too', 'two too']);
  expect(heard).toEqual(['one', 'two']);
  stream.destroy();
  await once(stream, 'close');
  guest.close();
});
