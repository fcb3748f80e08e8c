import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClock } from '../../../shared/host/clock.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { TestApi } from './start-api.ts';
import { AS_TABLE, VMS, machine, startApi } from './start-api.ts';

/** More than is encoded at a time, and more bytes than the sockets between client and hub take in unread. */
const MACHINES = 1_300;
const FILLER = 'x'.repeat(20_000);
/** As many requests as the hub serves one client at a time. */
const SEATS_OF_A_FLOW = 12;

let api: TestApi;
beforeAll(async () => void (api = await startFilled()));
afterAll(() => api.close());

async function startFilled(clock = createClock()): Promise<TestApi> {
  const started = await startApi({ clock });
  await started.store.transaction(async ({ objects }) => {
    for (const name of names) {
      const object = machine(name, { namespace: 'default', annotations: { filler: FILLER } });
      await objects.put({ kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name }, object);
    }
  });
  return started;
}

const names = Array.from({ length: MACHINES }, (_, index) => `pos-${String(index).padStart(5, '0')}`);

test('a long list is whole in every form', async () => {
  const page = await api.call('GET', `${VMS}?limit=1`);
  const { resourceVersion } = page.body.metadata;
  const whole = await api.call('GET', VMS);
  expect(whole.body.items.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(whole.body).toMatchObject({ kind: 'VirtualMachineList', metadata: { resourceVersion } });
  expect(whole.headers.get('content-encoding')).toBe('gzip');
  const plain = await api.call('GET', VMS, undefined, { 'accept-encoding': 'identity' });
  expect(plain.headers.get('content-encoding')).toBeNull();
  expect(plain.body).toEqual(whole.body);

  const table = await api.call('GET', VMS, undefined, AS_TABLE);
  expect(table.body.rows.map(({ cells }) => cells[0])).toEqual(names);
  expect(table.body).toMatchObject({ kind: 'Table', metadata: { resourceVersion } });
  expect(table.headers.get('content-type')).toBe('application/json');

  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const metadata = await api.call('GET', VMS, undefined, { accept });
  expect(metadata.body.items.map((item) => item.metadata.name)).toEqual(names);
});

test('a client that does not take what it asked for is let go, and has its place again', async () => {
  const clock = createClock();
  // What takes a minute takes half a second here.
  const hurried = await startFilled({ ...clock, after: (ms, work) => clock.after(ms / 120, work) });
  const stalled = await Promise.all(Array.from({ length: SEATS_OF_A_FLOW }, () => openUnread(hurried)));
  const isIdle = async () => {
    const { body } = await hurried.call<string>('GET', '/metrics');
    return body.includes('apiserver_current_inflight_requests 0');
  };
  await waitFor('a hub that serves none of them', isIdle);
  for (const response of stalled) {
    response.on('error', () => {});
    // A client that reads nothing does not notice before it goes on.
    await new Promise((resolve) => response.resume().once('close', resolve));
    expect(response.complete).toBe(false);
  }
  const { code } = await hurried.call('GET', `${VMS}?limit=1`, undefined, STALLING);
  expect(code).toBe(200);
  await hurried.close();
});

const STALLING = { 'user-agent': 'stalling' };

async function openUnread({ address }: TestApi): Promise<IncomingMessage> {
  const sent = request(`http://${address}${VMS}`, { agent: false, headers: STALLING });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}
