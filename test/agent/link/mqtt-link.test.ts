import { createClock } from '../../../shared/host/clock.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMqttLink } from '../../../agent/link/mqtt-link.ts';
import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { Broker } from '../../../hub/ports.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import type { Proxy } from './frozen-proxy.ts';
import { startProxy } from './frozen-proxy.ts';

/** The link where its other end, or this one, does not behave. */

let broker: Broker;
let proxy: Proxy;
let heard: string[];
beforeEach(async () => {
  heard = [];
  broker = createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, createLogRecorder());
  const { address } = await broker.start((_device, channel, payload) => {
    heard.push(`${channel} ${Buffer.from(payload).toString()}`);
  });
  proxy = await startProxy(address);
});
afterEach(async () => {
  vi.useRealTimers();
  await proxy.close();
  await broker.stop();
});

const options = { gone: Buffer.from('gone'), receive: () => {}, lost: () => {} };

test('the last will of an agent that was killed arrives', async () => {
  const script = join(import.meta.dirname, 'connected-process.ts');
  const agent = spawn(process.execPath, [script, `mqtt://${proxy.address}`, 'killed']);
  let complaint = '';
  agent.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  agent.stdout.on('data', () => agent.kill('SIGKILL'));
  const [, signal] = (await once(agent, 'close')) as [number | null, string | null];
  expect([signal, complaint]).toEqual(['SIGKILL', '']);
  await expect.poll(() => heard, { interval: 5 }).toEqual(['gone killed']);
});

test('publishing over a link that went dead ends, and so does saying goodbye', async () => {
  const connection = await createMqttLink(`mqtt://${proxy.address}`, 'edge-1', 240, createClock()).connect(
    options,
  );
  proxy.freeze();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const published = expect(connection.publish('report', Buffer.from('lost'))).rejects.toThrow(
    /took longer than 30 s/,
  );
  await vi.advanceTimersByTimeAsync(30_000);
  await published;
  const closed = expect(connection.close(true)).rejects.toThrow(/goodbye took longer than 5 s/);
  await vi.advanceTimersByTimeAsync(5_000);
  await closed;
});

test('a broker that accepts and says nothing is given up', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const accepted = once(silent, 'connection');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { port } = silent.address() as AddressInfo;
  const connecting = createMqttLink(`mqtt://127.0.0.1:${port}`, 'edge-1', 60, createClock()).connect(options);
  const refused = expect(connecting).rejects.toThrow();
  await accepted;
  const closed = once(sockets[0] ?? silent, 'close');
  sockets[0]?.resume();
  await vi.advanceTimersByTimeAsync(15_000);
  await refused;
  await closed;
  silent.close();
});
