import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMqttLink } from '../../../agent/link/mqtt-link.ts';
import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { Broker } from '../../../hub/ports.ts';
import { createClock } from '../../../shared/host/clock.ts';
import type { MqttAccess } from '../../../shared/host/mqtt-client.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import type { Authority } from '../../tools/certificates.ts';
import { createAuthority } from '../../tools/certificates.ts';

/** The embedded broker over TLS: a device is whom its certificate names. */

let folder: string;
let ours: Authority;
let theirs: Authority;
let broker: Broker;
let address: string;
let heard: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
  const authority = (name: string) => {
    mkdirSync(join(folder, name));
    return createAuthority(join(folder, name));
  };
  [ours, theirs] = [authority('ours'), authority('theirs')];
  const { cert, key } = ours.issue('hub', 'IP:127.0.0.1');
  const tls = { certificate: cert, key, clientCa: ours.cert };
  broker = createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, createLogRecorder(), tls);
  heard = [];
  ({ address } = await broker.start((device, channel, payload) => {
    heard.push(`${device} ${channel} ${Buffer.from(payload).toString()}`);
  }));
});
afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true });
});

function connect(device: string, access: Partial<MqttAccess>) {
  const link = createMqttLink(
    { url: `mqtts://${address}`, ca: ours.cert, ...access },
    device,
    60,
    createClock(),
  );
  return link.connect({ gone: Buffer.from('gone'), receive: () => {}, lost: () => {} });
}

test.each<[string, string, string?]>([
  ['its common name', 'edge-1'],
  ['its alternative name', 'a box', 'DNS:edge-1'],
  ['one of its alternative names', 'a box', 'DNS:edge-0,DNS:edge-1'],
])('a device is let in by %s', async (_, commonName, alternativeNames) => {
  const connection = await connect('edge-1', ours.issue(commonName, alternativeNames));
  await connection.publish('hello', Buffer.from('here'));
  await connection.close(true);
  await expect
    .poll(() => heard.splice(0), { interval: 5 })
    .toEqual(['edge-1 hello here', 'edge-1 gone gone']);
});

test.each<[string, () => Partial<MqttAccess>]>([
  ["another's certificate", () => ours.issue('edge-2')],
  ["another's alternative name", () => ours.issue('edge-1', 'DNS:edge-2')],
  ['a wildcard', () => ours.issue('a box', 'DNS:*')],
  ['a certificate that somebody else signed', () => theirs.issue('edge-1')],
  ['no certificate', () => ({})],
])('a device is not let in with %s', async (_, access) => {
  await expect(connect('edge-1', access())).rejects.toThrow();
  expect(heard).toEqual([]);
});

test('a device does not trust a broker that somebody else certified', async () => {
  await expect(connect('edge-1', { ...ours.issue('edge-1'), ca: theirs.cert })).rejects.toThrow(
    /certificate/,
  );
});

test('what is not TLS is cut off, and devices go on', async () => {
  const [host = '', port] = address.split(':');
  const plain = connectTcp(Number(port), host);
  plain.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    plain.once('close', () => resolve());
  });
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await closed;
  const connection = await connect('edge-1', ours.issue('edge-1'));
  await connection.close(false);
  await expect.poll(() => heard.splice(0), { interval: 5 }).toEqual(['edge-1 gone gone']);
});
