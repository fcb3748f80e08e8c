import { isIP } from 'node:net';
import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { ObservedMachine } from '../ports.ts';
import { withDeadline } from '../../shared/base/deadline.ts';
import { createLineSplitter } from './lines.ts';
import { connectSocket } from './socket.ts';

export type GuestAddresses = NonNullable<ObservedMachine['process']>['addresses'];

/** What answers is the guest, which may say anything: sizes are bounded, and only what fits the form is taken. */
const MOST_LINE_BYTES = 256 * 1024;
const MOST_INTERFACES = 32;
const MOST_ADDRESSES = 16;
const DEADLINE_MS = 3_000;
/** What the agent sends before its answer to `guest-sync-delimited`, and is sent to drop what it had half read. */
const SENTINEL = 0xff;

const interfaces = z.array(
  z.object({
    name: z.string().max(64),
    'hardware-address': z.string().max(17).optional(),
    'ip-addresses': z.array(z.object({ 'ip-address': z.string().max(64) })).optional(),
  }),
);

/**
 * The guest's addresses as its agent tells them (QEMU guest agent protocol), loopback left out.
 * @throws EffectError GuestAgentFailed
 */
export async function readGuestAddresses(path: string, clock: Clock): Promise<GuestAddresses> {
  const fail = (why: string, cause?: unknown) =>
    new EffectError('GuestAgentFailed', path, `the guest agent ${why}`, cause);
  const socket = await connectSocket(path, clock, DEADLINE_MS, () => fail('can not be reached'));
  const send = (execute: string, args?: object) =>
    socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
  const syncId = clock.monotonic();
  const answer = new Promise<unknown>((resolve, reject) => {
    let synced = false;
    const readLine = (line: Buffer) => {
      const reply = parseReply(line.subarray(line.lastIndexOf(SENTINEL) + 1));
      // Before that, lines may answer what an earlier client asked and did not wait for.
      if (!synced) {
        if (reply?.return !== syncId) return;
        synced = true;
        send('guest-network-get-interfaces');
      } else if (reply !== undefined) resolve(reply.return);
      else reject(fail('spoke nonsense'));
    };
    socket.on(
      'data',
      createLineSplitter(MOST_LINE_BYTES, readLine, () => reject(fail('said too much'))),
    );
    socket.on('error', (error) => reject(fail('can not be reached', error)));
    socket.on('close', () => reject(fail('hung up')));
  });
  try {
    socket.write(Buffer.from([SENTINEL]));
    send('guest-sync-delimited', { id: syncId });
    return parseAddresses(await withDeadline(clock, DEADLINE_MS, answer, () => fail('did not answer')));
  } finally {
    socket.destroy();
  }
}

function parseReply(line: Buffer): { return?: unknown } | undefined {
  try {
    return z.object({ return: z.unknown() }).parse(JSON.parse(line.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** Exported for its test. */
export function parseAddresses(reply: unknown): GuestAddresses {
  const parsed = interfaces.safeParse(reply);
  if (!parsed.success) return [];
  return parsed.data.slice(0, MOST_INTERFACES).flatMap(({ name, ...rest }) => {
    const mac = rest['hardware-address']?.toLowerCase();
    if (mac === undefined || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00')
      return [];
    const ips = (rest['ip-addresses'] ?? [])
      .map((entry) => entry['ip-address'])
      .filter((ip) => isIP(ip) !== 0);
    return [{ mac, name, ips: ips.slice(0, MOST_ADDRESSES) }];
  });
}
