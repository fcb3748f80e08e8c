import { once } from 'node:events';
import { request as requestHttps } from 'node:https';
import { createConnection } from 'node:net';
import { messageOf } from '../../shared/base/errors.ts';
import { sleep, withDeadline } from '../../shared/base/deadline.ts';
import { http } from '../../shared/host/http.ts';
import type { Clock } from '../../shared/ports.ts';
import type { ProbeAction } from '../machine/probe.ts';
import type { ProbeOutcome, ProbeTarget, Probes } from '../guest.ts';
import type { Machines } from '../ports.ts';

/**
 * For how long a connection has to stay open: on a forwarded port QEMU takes it before it asks the guest, and closes
 * it when the guest refuses.
 */
const STAYS_OPEN_MS = 300;
/** Kubernetes' own, as servers that count probes apart know it. */
const USER_AGENT = 'kube-probe/1.35';

/** Carries out tries of guests: from the box, or through the guest's agent. */
export function createProbes(machines: Pick<Machines, 'runInGuest' | 'pingGuest'>, clock: Clock): Probes {
  return {
    async run(action, target, timeoutMs) {
      const late = () => new Error(`no answer within ${timeoutMs / 1000} s`);
      const abort = new AbortController();
      try {
        const work = attempt(machines, clock, action, target, timeoutMs, abort.signal);
        return await withDeadline(clock, timeoutMs, work, late);
      } catch (error) {
        return { ok: false, detail: messageOf(error) };
      } finally {
        abort.abort();
      }
    },
  };
}

async function attempt(
  machines: Pick<Machines, 'runInGuest' | 'pingGuest'>,
  clock: Clock,
  action: ProbeAction,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  switch (action.kind) {
    case 'exec': {
      const code = await machines.runInGuest(target.uid, action.command, timeoutMs);
      return { ok: code === 0, detail: `${action.command[0]} ended with ${code}` };
    }
    case 'ping':
      await machines.pingGuest(target.uid, timeoutMs);
      return { ok: true, detail: 'the guest agent answers' };
    case 'tcp':
      return connect(placeOf(action, target), Math.min(STAYS_OPEN_MS, timeoutMs / 2), clock, signal);
    case 'http':
      return get(placeOf(action, target), action, signal);
  }
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where a guest's port is met from the box: where it is forwarded, or else at the guest's own address. */
function placeOf(
  { port, host }: { readonly port: number; readonly host?: string },
  target: ProbeTarget,
): Place {
  if (host !== undefined) return { host, port };
  const forwarded = target.ports.find((one) => one.port === port && one.protocol === 'TCP');
  if (forwarded !== undefined) {
    const { hostAddress, hostPort } = forwarded;
    return { host: hostAddress === '0.0.0.0' ? '127.0.0.1' : hostAddress, port: hostPort };
  }
  if (target.address === undefined) {
    throw new Error(`port ${port} is not among the ports of an interface, and the guest has told no address`);
  }
  return { host: target.address, port };
}

async function connect(
  { host, port }: Place,
  openMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const socket = createConnection({ host, port, signal });
  try {
    await once(socket, 'connect', { signal });
    const closed = once(socket, 'close').then(() => 'closed');
    const heard = once(socket, 'data').then(() => 'open');
    const open = sleep(clock, openMs).then(() => 'open');
    const ended = new Promise<string>((resolve) => socket.once('end', () => resolve('closed')));
    for (const one of [closed, heard]) one.catch(() => {});
    const state = await Promise.race([closed, heard, ended, open]);
    return state === 'open'
      ? { ok: true, detail: `port ${port} takes connections` }
      : { ok: false, detail: `the connection to port ${port} was closed at once` };
  } finally {
    socket.destroy();
  }
}

async function get(
  { host, port }: Place,
  { path, secure, headers }: Extract<ProbeAction, { kind: 'http' }>,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const given = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
  const options = { host, port, path, signal, agent: false, headers: { 'user-agent': USER_AGENT, ...given } };
  const request = secure ? requestHttps({ ...options, rejectUnauthorized: false }) : http.request(options);
  request.end();
  const [{ statusCode = 0 }] = (await once(request, 'response')) as [{ statusCode?: number }];
  // What it says is of no interest, however long it is.
  request.on('error', () => {});
  request.destroy();
  return { ok: statusCode >= 200 && statusCode < 400, detail: `it answers with status ${statusCode}` };
}
