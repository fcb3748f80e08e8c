import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import type { Qmp } from './qmp.ts';

/** A port of the box's that QEMU leads to one of a guest in a user-mode network. */
export interface Forward {
  readonly protocol: 'TCP' | 'UDP';
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly guestPort: number;
}

type Wanted = Pick<Forward, 'protocol' | 'guestPort'>;

/** Only the box itself gets to it. */
const LOOPBACK = '127.0.0.1';

/** Where a port of the guest is met already, declared or not. */
export async function findForward(qmp: Qmp, netdev: string, wanted: Wanted): Promise<Forward | undefined> {
  return parseForwards(await command(qmp, 'info usernet'), netdev).find(
    (one) => one.guestPort === wanted.guestPort && one.protocol === wanted.protocol,
  );
}

/** Leads a free port of the loopback to the guest's. @throws EffectError PortUnreachable */
export async function addForward(qmp: Qmp, netdev: string, wanted: Wanted): Promise<Forward> {
  const { protocol, guestPort } = wanted;
  const said = await command(
    qmp,
    `hostfwd_add ${netdev} ${protocol.toLowerCase()}:${LOOPBACK}:0-:${guestPort}`,
  );
  const made = await findForward(qmp, netdev, wanted);
  if (made !== undefined) return made;
  const why = said.trim() === '' ? 'it does not say why' : said.trim();
  throw new EffectError(
    'PortUnreachable',
    netdev,
    `QEMU does not forward port ${guestPort} of the guest: ${why}`,
  );
}

/** Connections that were made by it go on. */
export async function removeForward(qmp: Qmp, netdev: string, forward: Forward): Promise<void> {
  const { protocol, hostAddress, hostPort } = forward;
  const place = `${protocol.toLowerCase()}:${hostAddress}:${hostPort}`;
  await command(qmp, `hostfwd_remove ${netdev} ${place}`);
}

/** There is nothing of these in QMP itself, and what they say is for people. */
async function command(qmp: Qmp, line: string): Promise<string> {
  return z.string().parse(await qmp.execute('human-monitor-command', undefined, { 'command-line': line }));
}

const HEADING = /^\S+ -?\d+ \((.+)\):$/;
const ROW = /^\s*(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+)/;

/**
 * Of QEMU's `info usernet`: under a heading for each network, a row for each connection and forward, `PROTOCOL[STATE]
 * FD SOURCE PORT DESTINATION PORT`.
 */
export function parseForwards(text: string, netdev: string): Forward[] {
  let isOfIt = false;
  return text.split(/\r?\n/).flatMap((line): Forward[] => {
    const heading = HEADING.exec(line)?.[1];
    if (heading !== undefined) isOfIt = heading === netdev;
    const [, protocol, source = '', hostPort, guestPort] = ROW.exec(line) ?? [];
    if (!isOfIt || protocol === undefined) return [];
    return [
      {
        protocol: protocol === 'TCP' ? 'TCP' : 'UDP',
        hostAddress: source === '*' ? LOOPBACK : source,
        hostPort: Number(hostPort),
        guestPort: Number(guestPort),
      },
    ];
  });
}
