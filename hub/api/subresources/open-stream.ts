import type { Duplex } from 'node:stream';
import { withDeadline } from '../../../shared/base/deadline.ts';
import { EffectError } from '../../../shared/base/errors.ts';
import type { StreamTarget } from '../../../shared/protocol/streams.ts';
import type { ApiContext } from '../context.ts';
import { unavailable } from '../errors.ts';
import { askDevice, refusalOf } from './ask-device.ts';
import type { PlacedMachine } from './machine-target.ts';
import { describeLast } from './order-machine.ts';

/** How long a device may take to open it and to come with it. */
const DEADLINE_MS = 20_000;

/**
 * Has a machine's device open a stream and dial out to the hub with it.
 * @throws ApiError as `askDevice`
 */
export async function openStream(
  context: ApiContext,
  { kind, row, device }: Pick<PlacedMachine, 'kind' | 'row' | 'device'>,
  target: StreamTarget,
): Promise<Duplex> {
  const { tunnel, clock } = context;
  if (tunnel === undefined) throw unavailable(kind, row.name, 'this hub has no tunnel for streams');
  const expected = attempt(() => tunnel.expect(device.name));
  const body = { verb: 'open-stream', machine: row.uid, target, dial: expected.dial } as const;
  const asked = askDevice(context, device, body, { deadlineMs: DEADLINE_MS, instead: describeLast(row) });
  // The stream itself says that it was opened; the answer counts where it was not.
  const opened = Promise.race([expected.arrived, asked.then(() => expected.arrived)]);
  const late = () => new EffectError('DeadlineExceeded', device.name, 'the stream did not arrive');
  try {
    return await withDeadline(clock, DEADLINE_MS, opened, late);
  } catch (error) {
    expected.arrived.then((stream) => stream.destroy()).catch(() => {});
    throw refusalOf(device.name, error);
  } finally {
    expected.cancel();
    asked.catch(() => {});
  }

  function attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw refusalOf(device.name, error);
    }
  }
}
