import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { VMS, machine, startApi } from './start-api.ts';

/** What `kubectl create namespace` sends is in `kubectl.test.ts`; here is what only client-go's programs send. */

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

const number = (field: number, value: number) => Buffer.concat([varint(field * 8), varint(value)]);

function bytes(field: number, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

const envelope = (apiVersion: string, kind: string, ...raw: Buffer[]) =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    bytes(1, bytes(1, apiVersion), bytes(2, kind)),
    bytes(2, ...raw),
    bytes(3, ''),
    bytes(4, ''),
  ]);

async function send(method: string, path: string, body: Buffer) {
  const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  const answer = await fetch(`http://${api.address}${path}`, { method, body, headers });
  return { code: answer.status, body: (await answer.json()) as object };
}

const event = (name: string) =>
  envelope(
    'v1',
    'Event',
    bytes(
      1,
      bytes(1, name),
      bytes(3, ''),
      bytes(8),
      bytes(11, bytes(1, 'a'), bytes(2, 'b')),
      bytes(11, bytes(1, 'c'), bytes(2, '')),
    ),
    bytes(2, bytes(1, 'VirtualMachine'), bytes(3, 'vm-ü')),
    bytes(3, 'Started'),
    bytes(5, bytes(1, 'agent'), bytes(2, 'edge-1')),
    bytes(7, number(1, 1_800_000_000), number(2, 5_000_000)),
    number(8, 300),
    bytes(10),
    bytes(99, 'a field that is yet to be invented'),
  );

test('an event is read', async () => {
  const { code, body } = await send('POST', '/api/v1/namespaces/default/events', event('e'));
  expect(code).toBe(201);
  expect(body).toMatchObject({
    metadata: { name: 'e', labels: { a: 'b', c: '' } },
    involvedObject: { kind: 'VirtualMachine', name: 'vm-ü' },
    reason: 'Started',
    source: { component: 'agent', host: 'edge-1' },
    lastTimestamp: '2027-01-15T08:00:00.005Z',
    count: 300,
  });
  expect(Object.keys(body)).not.toContain('eventTime');
});

test('a lease is read, with its times to the microsecond', async () => {
  const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const spec = [
    bytes(1, 'controller-1'),
    number(2, 15),
    bytes(4, number(1, 1_800_000_000), number(2, 52_345_678)),
    number(5, 0),
  ];
  const lease = envelope('coordination.k8s.io/v1', 'Lease', bytes(1, bytes(1, 'leader')), bytes(2, ...spec));
  const { code, body } = await send('POST', leases, lease);
  expect(code).toBe(201);
  expect(body).toMatchObject({
    apiVersion: 'coordination.k8s.io/v1',
    spec: {
      holderIdentity: 'controller-1',
      leaseDurationSeconds: 15,
      renewTime: '2027-01-15T08:00:00.052345Z',
      leaseTransitions: 0,
    },
  });
});

test('an event of events.k8s.io is read', async () => {
  const raw = [
    bytes(1, bytes(1, 'newer')),
    bytes(2, number(1, 1_800_000_000)),
    bytes(4, 'example.dev/controller'),
    bytes(7, 'Synced'),
    bytes(8, bytes(1, 'ConfigMap'), bytes(3, 'a')),
    bytes(10, 'it is as it should be'),
    bytes(11, 'Normal'),
    bytes(12, bytes(1, ''), bytes(2, '')),
    number(15, 0),
  ];
  const sent = envelope('events.k8s.io/v1', 'Event', ...raw);
  const { code, body } = await send('POST', '/apis/events.k8s.io/v1/namespaces/default/events', sent);
  expect(code).toBe(201);
  expect(body).toMatchObject({
    regarding: { kind: 'ConfigMap', name: 'a' },
    note: 'it is as it should be',
    eventTime: '2027-01-15T08:00:00.000000Z',
    reportingController: 'example.dev/controller',
  });
});

test('options of deleting are read', async () => {
  await api.call('POST', VMS, machine('a'));
  const options = (uid: string) =>
    envelope('meta.k8s.io/v1', 'DeleteOptions', number(1, 0), bytes(2, bytes(1, uid)));
  expect((await send('DELETE', `${VMS}/a`, options('another'))).code).toBe(409);
  const { metadata } = (await api.call('GET', `${VMS}/a`)).body;
  expect((await send('DELETE', `${VMS}/a`, options(metadata.uid ?? ''))).code).toBe(200);
});

test('another kind is refused, and so is what is cut short', async () => {
  expect((await send('POST', VMS, envelope('kubevirt.io/v1', 'VirtualMachine'))).code).toBe(415);
  const whole = event('cut');
  for (let length = 0; length < whole.length; length += 1) {
    const { code } = await send('POST', '/api/v1/namespaces/default/events', whole.subarray(0, length));
    expect([length, code >= 400 && code < 500]).toEqual([length, true]);
    // Its last fields may be missing without harm.
    if (length > 60) break;
  }
  expect(api.errors).toEqual([]);
});
