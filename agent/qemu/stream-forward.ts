import { EffectError } from '../../shared/base/errors.ts';
import type { Forward } from './forwards.ts';
import { readForwards } from './forwards.ts';
import { askHuman, runHuman } from './human.ts';
import type { Qmp } from './qmp.ts';

/** Forwards into user-mode networks for as long as streams need them; declared ones are `setForwards`' matter. */

type Wanted = Pick<Forward, 'protocol' | 'port'>;

/** Only the box itself gets to it. */
const LOOPBACK = '127.0.0.1';

/**
 * Where a port of the guest is met: where it is forwarded already, declared or not, or from now on at a free port of
 * the loopback.
 * @throws EffectError PortUnreachable, QmpRefused
 */
export async function ensureForward(qmp: Qmp, netdev: string, wanted: Wanted): Promise<Forward> {
  const there = await findForward(qmp, netdev, wanted);
  if (there !== undefined) return there;
  const { protocol, port } = wanted;
  await runHuman(qmp, `hostfwd_add ${netdev} ${protocol.toLowerCase()}:${LOOPBACK}:0-:${port}`);
  const made = await findForward(qmp, netdev, wanted);
  if (made !== undefined) return made;
  throw new EffectError('PortUnreachable', netdev, `QEMU does not forward port ${port} of the guest`);
}

/** Connections that were made by it go on. */
export async function removeForward(qmp: Qmp, netdev: string, forward: Forward): Promise<void> {
  const { protocol, hostAddress, hostPort } = forward;
  await askHuman(qmp, `hostfwd_remove ${netdev} ${protocol.toLowerCase()}:${hostAddress}:${hostPort}`);
}

async function findForward(
  qmp: Qmp,
  netdev: string,
  { protocol, port }: Wanted,
): Promise<Forward | undefined> {
  const forwards = readForwards(await askHuman(qmp, 'info usernet'), netdev);
  return forwards.find((one) => one.port === port && one.protocol === protocol);
}
