import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { EffectError } from '../../../shared/base/errors.ts';
import { runHoldfast } from '../../tools/holdfast.ts';
import { LONGEST_MESSAGE_BYTES } from '../../../shared/tunnel/protocols.ts';
import { openStreamClient } from '../../tools/stream-client.ts';
import type { TestHub } from '../start-hub.ts';
import { EPOCH } from '../start-hub.ts';
import type { StreamWorld } from './stream-device.ts';
import { poll, startStreamWorld } from './stream-device.ts';

/** Streams through the hub, with a device that echoes what it is told in place of a machine. */

const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default';
const VMI = `${SUB}/virtualmachineinstances/pos`;

let world: StreamWorld;
let hub: TestHub;
beforeEach(async () => {
  world = await startStreamWorld();
  ({ hub } = world);
});
afterEach(() => world.stop());

const open = (path: string) => openStreamClient(hub.address, path);

describe('a stream', () => {
  test.each([
    ['console', { kind: 'console' }],
    ['vnc', { kind: 'vnc', preserveSession: false }],
    ['vnc?preserveSession=true', { kind: 'vnc', preserveSession: true }],
    ['portforward/22', { kind: 'port', port: 22, protocol: 'TCP' }],
    ['portforward/53/udp', { kind: 'port', port: 53, protocol: 'UDP' }],
  ])('%s leads to the machine on its device', async (path, target) => {
    await world.run('Running');
    world.echo();
    const client = await open(`${VMI}/${path}`);
    expect(client.socket.protocol).toBe('plain.kubevirt.io');
    client.say('is anybody there?');
    await client.says(/is anybody there/);
    expect(world.asked).toMatchObject([{ verb: 'open-stream', target }]);
    client.socket.close(1000);
    expect(await client.closed).toMatchObject({ code: 1000 });
  });

  test('is found beside the machine too, and with no protocol named', async () => {
    await world.run('Running');
    world.echo();
    const socket = new WebSocket(`ws://${hub.address}${SUB}/virtualmachines/pos/portforward/80/tcp`);
    await once(socket, 'open');
    socket.send(Buffer.from('x'));
    expect(String((await once(socket, 'message'))[0])).toBe('x');
    socket.terminate();
  });

  test('says what its device says where it can not be opened', async () => {
    await world.run('Running');
    world.serve(async (id) => {
      const message = 'the machine has no process';
      hub.say('edge-1', 'response', { id, outcome: 'failed', reason: 'NotRunning', message });
    });
    await expect(open(`${VMI}/console`)).rejects.toThrow(/^409: .*the machine has no process \(NotRunning\)/);
  });

  test('with a message that is too long ends, at both ends, and the hub goes on', async () => {
    await world.run('Running');
    world.echo();
    const client = await open(`${VMI}/console`);
    client.socket.send(Buffer.alloc(LONGEST_MESSAGE_BYTES));
    await client.says(/\0{1000}/);
    client.socket.send(Buffer.alloc(LONGEST_MESSAGE_BYTES + 1));
    expect(await client.closed).toMatchObject({ code: 1009 });
    await poll(() => world.ends[0]?.destroyed).toBe(true);
    (await open(`${VMI}/console`)).socket.close();
  });

  test('that is not brought in time is given up, and the device that comes late is told', async () => {
    await world.run('Running');
    const refused = open(`${VMI}/console`).catch(String);
    world.serve(async () => {});
    await poll(() => world.asked.length).toBe(1);
    hub.clock.advance(20_000);
    expect(await refused).toContain('504: ');
    const [late] = world.asked;
    await expect(world.wayOut.dial(late?.dial ?? failNow())).rejects.toThrow('it answers 404');
  });
});

test('a connection to the API that is silent is asked, again and again, whether its client is still there', async () => {
  const [, port = ''] = hub.address.split(':');
  const client = connect(Number(port), '127.0.0.1');
  await once(client, 'connect');
  const hex = (number: number) => `0100007F:${number.toString(16).toUpperCase().padStart(4, '0')}`;
  const row = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local === hex(Number(port)) && remote === hex(client.localPort ?? 0));
  // The kernel's timer for that (proc(5), and its Documentation/networking/proc_net_tcp).
  expect(row?.[5]).toMatch(/^02:/);
  client.destroy();
});

test('holdfast ssh leads ssh to port 22 of the machine', async () => {
  await world.run('Running');
  world.serve(async (_id, { dial }) => {
    const wire = await world.wayOut.dial(dial);
    wire.end('SSH-2.0-the-till\r\n');
  });
  const args = ['ssh', 'root@default/pos', '--server', `http://${hub.address}`, '--', '-v', 'true'];
  const { code, stderr } = await runHoldfast(args);
  expect([code, stderr]).toEqual([
    255,
    expect.stringContaining('remote software version the-till') as string,
  ]);
  expect(world.asked).toMatchObject([{ target: { kind: 'port', port: 22, protocol: 'TCP' } }]);
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
    await world.run('Running');
    expect(await refusal(`${VMI}/${path}`)).toContain(sentence);
  });

  test('of a machine without the device, that is paused, or does not run', async () => {
    await world.run('Paused', { autoattachGraphicsDevice: false, autoattachSerialConsole: false });
    expect(await refusal(`${VMI}/vnc`)).toContain('400: No graphics devices are present.');
    expect(await refusal(`${VMI}/console`)).toContain('400: No serial consoles are present.');
    expect(await refusal(`${VMI}/portforward/80`)).toContain('VMI is paused');
    const { body } = await hub.call('GET', `${VMI}/vnc`);
    expect(body.message).toBe('No graphics devices are present.');
    expect(await refusal(`${SUB}/virtualmachineinstances/none/vnc`)).toContain('404: ');
  });

  test('asked for by a page of somebody else, or not as a stream', async () => {
    await world.run('Running');
    expect(await refusal(`${VMI}/console`, { origin: 'http://elsewhere.example' })).toContain('403: ');
    expect((await hub.call('GET', `${VMI}/console`)).body.message).toContain('ask for it as a WebSocket');
  });

  test('of a device that is away, with what is known of the machine', async () => {
    await world.run('Running');
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
    expect(world.asked).toEqual([]);
  });
});

function failNow(): never {
  throw new EffectError('Bug', 'test', 'nothing was asked');
}
