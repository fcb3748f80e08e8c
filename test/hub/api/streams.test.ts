import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createTunnel as createWayOut } from '../../../agent/tunnel/tunnel.ts';
import { createTunnel } from '../../../hub/tunnel/tunnel.ts';
import { EffectError } from '../../../shared/base/errors.ts';
import { createClock } from '../../../shared/host/clock.ts';
import type { MachineState } from '../../../shared/model/machine.ts';
import type { RequestBody } from '../../../shared/protocol/messages.ts';
import { decodeMessage, requestBody, requestMessage } from '../../../shared/protocol/messages.ts';
import { joinStreams } from '../../../shared/tunnel/join-streams.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { runHoldfast } from '../../tools/holdfast.ts';
import { openStreamClient } from '../../tools/stream-client.ts';
import type { TestHub } from '../start-hub.ts';
import { EPOCH, hello, report, startHub, statusOf } from '../start-hub.ts';
import { machine } from './start-api.ts';

/** Streams through the hub, with a device that echoes what it is told in place of a machine. */

const VM = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default';
const VMI = `${SUB}/virtualmachineinstances/pos`;

type OpenStream = Extract<RequestBody, { verb: 'open-stream' }>;

let hub: TestHub;
let wayOut: ReturnType<typeof createWayOut>;
/** What the device was asked to open. */
let asked: OpenStream[];

beforeEach(async () => {
  const clock = createClock();
  hub = await startHub({ tunnel: createTunnel({ told: {}, clock, log: createLogRecorder() }) });
  wayOut = createWayOut({ brokerHost: '127.0.0.1' }, clock);
  asked = [];
});
afterEach(() => hub.stop());

const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });
const open = (path: string) => openStreamClient(hub.address, path);

async function run(state: MachineState, devices: object = {}): Promise<void> {
  hub.say('edge-1', 'hello', hello());
  const given = machine('pos');
  const { template } = given.spec as { template: { spec: { domain: { devices: object } } } };
  Object.assign(template.spec.domain.devices, devices);
  const nodeSelector = { 'kubernetes.io/hostname': 'edge-1' };
  const spec = { runStrategy: 'Always', template: { spec: { ...template.spec, nodeSelector } } };
  await poll(async () => (await hub.call('GET', '/apis/holdfast.dev/v1alpha1/devices/edge-1')).code).toBe(
    200,
  );
  const { body } = await hub.call('POST', VM, { ...given, spec });
  const uid = body.metadata.uid ?? '';
  await poll(async () => (await hub.store.transaction(({ machines }) => machines.get(uid)))?.device).toBe(
    'edge-1',
  );
  hub.say('edge-1', 'report', report(1, { kind: 'machine', status: statusOf(uid, 'pos', state) }));
  await poll(async () => (await hub.call('GET', `${VM}/pos`)).body.status?.printableStatus).toBe(state);
}

/** Answers the requests that have come so far, and those that come, until the result is called. */
function serveDevice(answer: (id: string, body: OpenStream) => Promise<void>): () => void {
  let seen = 0;
  const timer = setInterval(() => {
    const requests = hub.sent.filter(({ channel }) => channel === 'request');
    for (const { payload } of requests.slice(seen)) {
      const message = decodeMessage(requestMessage, payload);
      if (!message.ok) throw new Error('a request that no device can read');
      const body = requestBody.parse(message.value.body) as OpenStream;
      asked.push(body);
      void answer(message.value.id, body);
    }
    seen = requests.length;
  }, 5);
  return () => clearInterval(timer);
}

const echo = () =>
  serveDevice(async (_id, { dial }) => {
    const echoing = new PassThrough();
    joinStreams(await wayOut.dial(dial), echoing);
  });

describe('a stream', () => {
  test.each([
    ['console', { kind: 'console' }],
    ['vnc', { kind: 'vnc', preserveSession: false }],
    ['vnc?preserveSession=true', { kind: 'vnc', preserveSession: true }],
    ['portforward/22', { kind: 'port', port: 22, protocol: 'TCP' }],
    ['portforward/53/udp', { kind: 'port', port: 53, protocol: 'UDP' }],
  ])('%s leads to the machine on its device', async (path, target) => {
    await run('Running');
    const stop = echo();
    const client = await open(`${VMI}/${path}`);
    expect(client.socket.protocol).toBe('plain.kubevirt.io');
    client.say('is anybody there?');
    await client.says(/is anybody there/);
    expect(asked).toMatchObject([{ verb: 'open-stream', target }]);
    client.socket.close(1000);
    expect(await client.closed).toMatchObject({ code: 1000 });
    stop();
  });

  test('is found beside the machine too, and with no protocol named', async () => {
    await run('Running');
    const stop = echo();
    const socket = new WebSocket(`ws://${hub.address}${SUB}/virtualmachines/pos/portforward/80/tcp`);
    await once(socket, 'open');
    socket.send(Buffer.from('x'));
    expect(String((await once(socket, 'message'))[0])).toBe('x');
    socket.terminate();
    stop();
  });

  test('says what its device says where it can not be opened', async () => {
    await run('Running');
    const stop = serveDevice(async (id) => {
      const message = 'the machine has no process';
      hub.say('edge-1', 'response', { id, outcome: 'failed', reason: 'NotRunning', message });
    });
    await expect(open(`${VMI}/console`)).rejects.toThrow(/^409: .*the machine has no process \(NotRunning\)/);
    stop();
  });

  test('that is not brought in time is given up, and the device that comes late is told', async () => {
    await run('Running');
    const refused = open(`${VMI}/console`).catch(String);
    const stop = serveDevice(async () => {});
    await poll(() => asked.length).toBe(1);
    hub.clock.advance(20_000);
    expect(await refused).toContain('504: ');
    const [late] = asked;
    await expect(wayOut.dial(late?.dial ?? failNow())).rejects.toThrow('it answers 404');
    stop();
  });
});

test('holdfast ssh leads ssh to port 22 of the machine', async () => {
  await run('Running');
  const stop = serveDevice(async (_id, { dial }) => {
    const wire = await wayOut.dial(dial);
    wire.end('SSH-2.0-the-till\r\n');
  });
  const args = ['ssh', 'root@default/pos', '--server', `http://${hub.address}`, '--', '-v', 'true'];
  const { code, stderr } = await runHoldfast(args);
  expect([code, stderr]).toEqual([
    255,
    expect.stringContaining('remote software version the-till') as string,
  ]);
  expect(asked).toMatchObject([{ target: { kind: 'port', port: 22, protocol: 'TCP' } }]);
  stop();
});

describe('what is refused at once', () => {
  const refusal = (path: string, headers: Record<string, string> = {}) =>
    openStreamClient(hub.address, path, headers).then(() => 'opened', String);

  test.each([
    ['portforward/0', 'the port must be from 1 to 65535, not "0"'],
    ['portforward/80/sctp', 'the protocol must be tcp or udp, not "sctp"'],
    ['usbredir', 'USB devices of clients are not redirected here'],
    ['guestosinfo', 'guestosinfo is not a stream'],
    ['nothing', 'the server could not find the requested resource'],
  ])('%s: %s', async (path, sentence) => {
    await run('Running');
    expect(await refusal(`${VMI}/${path}`)).toContain(sentence);
  });

  test('of a machine without the device, that is paused, or does not run', async () => {
    await run('Paused', { autoattachGraphicsDevice: false, autoattachSerialConsole: false });
    expect(await refusal(`${VMI}/vnc`)).toContain('400: No graphics devices are present.');
    expect(await refusal(`${VMI}/console`)).toContain('400: No serial consoles are present.');
    expect(await refusal(`${VMI}/portforward/80`)).toContain('VMI is paused');
    const { body } = await hub.call('GET', `${VMI}/vnc`);
    expect(body.message).toBe('No graphics devices are present.');
    expect(await refusal(`${SUB}/virtualmachineinstances/none/vnc`)).toContain('404: ');
  });

  test('asked for by a page of somebody else, or not as a stream', async () => {
    await run('Running');
    expect(await refusal(`${VMI}/console`, { origin: 'http://elsewhere.example' })).toContain('403: ');
    expect((await hub.call('GET', `${VMI}/console`)).body.message).toContain('ask for it as a WebSocket');
  });

  test('of a device that is away, with what is known of the machine', async () => {
    await run('Running');
    hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
    await poll(() => refusal(`${VMI}/console`)).toContain('503: ');
    for (const path of ['console', 'vnc', 'portforward/22', 'vnc'])
      expect(await refusal(`${VMI}/${path}`)).toMatch(
        /it is not connected since \S+Z; of pos it last said Running at \S+Z; a change of its spec is applied once/,
      );
    const log = '/apis/holdfast.dev/v1alpha1/namespaces/default/virtualmachines/pos/log';
    for (const path of [`${VMI}/vnc/screenshot`, log, `${VMI}/guestosinfo`])
      expect((await hub.call('GET', path)).code).toBe(503);
    for (const verb of ['freeze', 'unfreeze', 'pause'])
      expect(
        (await hub.call('PUT', `${VMI}/${verb}`, verb === 'freeze' ? { unfreezeTimeout: '5m' } : {})).code,
      ).toBe(503);
    expect(asked).toEqual([]);
  });
});

function failNow(): never {
  throw new EffectError('Bug', 'test', 'nothing was asked');
}
