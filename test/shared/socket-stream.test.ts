import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { HANDOVER_MS } from '../../shared/tunnel/protocols.ts';
import { createSocketStream } from '../../shared/tunnel/socket-stream.ts';
import { createManualClock } from './manual-clock.ts';

test('a stream whose other end has closed is let go of when nobody reads the rest for a minute', async () => {
  const clock = createManualClock();
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const stream = createSocketStream(socket, { clock, peer: 'the client' });
  await once(client, 'open');
  client.send(Buffer.from('last words'));
  client.close();
  await once(socket, 'close');
  clock.advance(HANDOVER_MS - 1);
  expect(stream.destroyed).toBe(false);
  clock.advance(1);
  expect(stream.destroyed).toBe(true);
  server.close();
});
