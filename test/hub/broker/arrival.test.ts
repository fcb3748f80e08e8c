import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChildBroker } from '../../tools/child-broker.ts';
import { startChildBroker } from '../../tools/child-broker.ts';
import { connectPacket, connectRaw } from '../../tools/mqtt-wire.ts';

/** On the way in to the embedded broker. */

let broker: ChildBroker;
beforeAll(async () => {
  broker = await startChildBroker();
});
afterAll(() => broker.kill());

test('a CONNECT that comes byte by byte is not waited for', async () => {
  const client = connectRaw(broker.address);
  const bytes = connectPacket('edge-1');
  let at = 0;
  const drip = setInterval(() => client.socket.write(bytes.subarray(at, (at += 1))), 1_000);
  await client.closed;
  clearInterval(drip);
  expect(at).toBeLessThan(bytes.length);
});

test('a whole region comes back at once, and nobody has to come twice', async () => {
  broker.child.kill('SIGSTOP');
  const clients = Array.from({ length: 3_000 }, (_, index) =>
    connectRaw(broker.address, connectPacket(`edge-${index}`)),
  );
  try {
    // With Node's own backlog a sixth of them get this far while the broker is busy; the rest wait for TCP to try again.
    await expect
      .poll(() => clients.filter(({ socket }) => socket.readyState === 'open').length, {
        interval: 10,
        timeout: 20_000,
      })
      .toBe(clients.length);
  } finally {
    broker.child.kill('SIGCONT');
  }
  await expect
    .poll(() => clients.filter(({ received }) => received().length === 4).length, { timeout: 20_000 })
    .toBe(clients.length);
  for (const { socket } of clients) socket.destroy();
});
