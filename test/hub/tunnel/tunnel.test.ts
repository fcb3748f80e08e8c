import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TunnelAccess } from '../../../agent/tunnel/tunnel.ts';
import { createTunnel as createWayOut } from '../../../agent/tunnel/tunnel.ts';
import type { ExpectedStream, Tunnel } from '../../../hub/ports.ts';
import { createTunnelListener } from '../../../hub/tunnel/listener.ts';
import { createTunnel } from '../../../hub/tunnel/tunnel.ts';
import { EffectError } from '../../../shared/base/errors.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';
import { createAuthority } from '../../tools/certificates.ts';

/** Both ends of the tunnel, over real WebSockets. */

const LOCAL: TunnelAccess = { brokerHost: '127.0.0.1' };
const AT = { host: '127.0.0.1', port: 0 };

let tunnel: Tunnel;
beforeEach(async () => {
  tunnel = createTunnel({
    told: {},
    listener: createTunnelListener(AT),
    clock: createClock(),
    log: createLogRecorder(),
  });
  await tunnel.start(0);
});
afterEach(() => tunnel.close());

const dial = ({ dial: told }: Pick<ExpectedStream, 'dial'>, access = LOCAL) =>
  createWayOut(access, createClock()).dial(told);

/** Both ends of a stream: the device's and the hub's. */
async function open(): Promise<[Duplex, Duplex]> {
  const expected = tunnel.expect('edge-1');
  return Promise.all([dial(expected), expected.arrived]);
}

/** Up to its end, and no further: the other way goes on. */
async function readAll(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks).toString();
}

describe('a stream', () => {
  test('carries bytes both ways, and each way ends by itself', async () => {
    const [device, hub] = await open();
    hub.end('what is asked');
    expect(await readAll(device)).toBe('what is asked');
    device.end('what is answered once all was asked');
    expect(await readAll(hub)).toBe('what is answered once all was asked');
  });

  test('keeps datagrams apart', async () => {
    const [device, hub] = await open();
    const heard: string[] = [];
    device.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    for (const datagram of ['one', 'two', 'three']) hub.write(datagram);
    await expect.poll(() => heard).toEqual(['one', 'two', 'three']);
    device.destroy();
  });

  test('that fails at one end fails at the other, by the same sentence', async () => {
    const [device, hub] = await open();
    const failed = once(hub, 'error');
    device.on('error', () => {});
    device.destroy(new EffectError('ConsoleTaken', 'pos', 'the console was opened elsewhere'));
    expect(await failed).toMatchObject([
      { code: 'StreamTaken', message: 'the console was opened elsewhere' },
    ]);
  });

  test('that is ended without a word is told from one that was lost', async () => {
    const [device, hub] = await open();
    const closed = once(hub.resume(), 'close');
    device.destroy();
    await closed;
    expect(hub.errored).toBeNull();
  });

  test('is not read faster than it is taken', async () => {
    const [device, hub] = await open();
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    // Until no more is taken: what the kernel's and our own buffers hold.
    while (sent < 64 * 2 ** 20) {
      const written = new Promise<boolean>((resolve) => device.write(chunk, () => resolve(true)));
      const quiet = new Promise<boolean>((resolve) => setTimeout(resolve, 500, false));
      if (!(await Promise.race([written, quiet]))) break;
      sent += chunk.length;
    }
    expect(sent).toBeLessThan(32 * 2 ** 20);
    let heard = 0;
    hub.on('data', (bytes: Buffer) => {
      heard += bytes.length;
    });
    device.end();
    await once(hub, 'end');
    expect(heard).toBe(sent + chunk.length);
    hub.end();
  });

  test('whose other end is silent for a minute is lost, and one that answers pings is not', async () => {
    const clock = createManualClock();
    const silent = createTunnel({
      told: {},
      listener: createTunnelListener(AT),
      clock,
      log: createLogRecorder(),
    });
    await silent.start(0);
    const expected = silent.expect('edge-1');
    const [device, hub] = await Promise.all([dial(expected), expected.arrived]);
    const failed = once(hub, 'error');
    // One at a time, with the answer to each: they are no silence.
    for (let count = 0; count < 6; count += 1) {
      clock.advance(20_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(hub.destroyed).toBe(false);
    // All at once: there is no time for an answer.
    clock.advance(60_000);
    expect(await failed).toMatchObject([{ message: 'the connection to device edge-1 was lost' }]);
    device.on('error', () => {}).destroy();
    await silent.close();
  });

  test('is ended with a sentence when the hub stops', async () => {
    const [device] = await open();
    const failed = once(device, 'error');
    await tunnel.close();
    expect(await failed).toMatchObject([{ code: 'HubStopping', message: 'the hub is stopping' }]);
  });
});

test('there are at most a thousand streams, waited for or open, and one that is over makes room', async () => {
  const [device, hub] = await open();
  const waiting = Array.from({ length: 999 }, () => tunnel.expect('edge-1'));
  const full = '1000 streams are open: end some, or try again later';
  expect(() => tunnel.expect('edge-2')).toThrow(full);
  waiting[0]?.cancel();
  tunnel.expect('edge-2');
  expect(() => tunnel.expect('edge-2')).toThrow(full);
  const closed = once(hub.resume(), 'close');
  device.destroy();
  await closed;
  tunnel.expect('edge-2');
});

describe('who comes with a stream', () => {
  const refusal = (told: Pick<ExpectedStream, 'dial'>) =>
    dial(told).then(
      () => 'let in',
      (error: unknown) => String(error),
    );

  test('must know its secret', async () => {
    const expected = tunnel.expect('edge-1');
    const secret = Buffer.alloc(32).toString('base64url');
    for (const wrong of [secret, '', 'x'])
      expect(await refusal({ dial: { ...expected.dial, secret: wrong } })).toContain(
        'it answers 403: the secret of the stream is wrong',
      );
    expect(await refusal(expected)).toBe('let in');
  });

  test('can use that once, and not after it is given up', async () => {
    const first = tunnel.expect('edge-1');
    const device = await dial(first);
    const late = 'it answers 404: this stream is not waited for: it was opened already, or is too late';
    expect(await refusal(first)).toContain(late);
    const second = tunnel.expect('edge-1');
    second.cancel();
    expect(await refusal(second)).toContain(late);
    expect(await refusal({ dial: { ...first.dial, path: '/tunnel/v1/unknown' } })).toContain(late);
    expect(device.destroyed).toBe(false);
    device.destroy();
  });

  test('finds the hub where it is told, or else at the host of its broker', async () => {
    const elsewhere = createTunnel({
      told: { host: 'hub.invalid', port: 443, secure: true, prefix: '/hub' },
      clock: createClock(),
      log: createLogRecorder(),
    });
    await elsewhere.start(8080);
    expect(elsewhere.expect('edge-1').dial).toMatchObject({
      host: 'hub.invalid',
      port: 443,
      secure: true,
      path: expect.stringMatching(/^\/hub\/tunnel\/v1\/[0-9a-f]{32}$/) as string,
    });
    const { dial: told } = tunnel.expect('edge-1');
    expect(told).toMatchObject({ secure: false });
    expect(told.host).toBeUndefined();
    const nowhere = { ...told, host: 'hub.invalid' };
    await expect(dial({ dial: nowhere })).rejects.toMatchObject({ code: 'HubUnreachable' });
    const place = { host: '127.0.0.1', port: told.port, secure: false, prefix: '' };
    (await dial({ dial: nowhere }, { ...LOCAL, place })).destroy();
    await elsewhere.close();
  });

  test('is, over TLS, whom its certificate names', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-tunnel-'));
    const authority = createAuthority(folder);
    const { cert: certificate, key } = authority.issue('hub', 'IP:127.0.0.1');
    const secure = createTunnel({
      told: {},
      listener: createTunnelListener(AT, { certificate, key, clientCa: authority.cert }),
      clock: createClock(),
      log: createLogRecorder(),
    });
    await secure.start(0);
    const as = (name: string) => ({ ...LOCAL, ca: authority.cert, ...authority.issue(name) });
    const expected = secure.expect('edge-1');
    await expect(dial(expected, LOCAL)).rejects.toMatchObject({ code: 'HubUnreachable' });
    await expect(dial(expected, as('edge-2'))).rejects.toThrow('the certificate is not that of edge-1');
    (await dial(expected, as('edge-1'))).destroy();
    await secure.close();
    rmSync(folder, { recursive: true });
  });
});
