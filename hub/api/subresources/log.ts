import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import { deviceKind } from '../../../shared/model/device.ts';
import { parseCount, parseFlag, parseMoment, refuseOthers } from '../query.ts';
import type { Subresource } from './subresource.ts';
import { requireConnected } from './ask-device.ts';
import { findInstanceMachine, findPlacedMachine } from './machine-target.ts';
import { openStream } from './open-stream.ts';
import { describeLast } from './order-machine.ts';

/**
 * What a machine's serial console wrote, as its box has kept it: whole, or since a time (`since`, as in a timeline),
 * the last `tailLines`, and with `follow` what comes.
 */
export const log = logOf(virtualMachineKind, findPlacedMachine);
export const logOfInstance = logOf(virtualMachineInstanceKind, findInstanceMachine);

function logOf(kind: Subresource['kind'], find: typeof findPlacedMachine): Subresource {
  return {
    group: deviceKind.group,
    versions: deviceKind.versions,
    kind,
    name: 'log',
    verb: 'get',
    responseKind: kind.kind,
    async serve(context, target, { query }) {
      refuseOthers(query, ['follow', 'since', 'tailLines', 'timestamps']);
      const nowMs = context.clock.now();
      const sinceMs = parseMoment(query, 'since', nowMs);
      const tailLines = parseCount(query, 'tailLines');
      const machine = await find(context, target);
      requireConnected(machine.device, describeLast(machine.row));
      const stream = await openStream(context, machine, {
        kind: 'log',
        follow: parseFlag(query, 'follow') === true,
        timestamps: parseFlag(query, 'timestamps') === true,
        // So long ago, since the box's clock may be another.
        ...(sinceMs !== undefined && { sinceSeconds: Math.max(0, Math.ceil((nowMs - sinceMs) / 1_000)) }),
        ...(tailLines !== undefined && { tailLines }),
      });
      // Nothing is said to it: the stream is over when the log is.
      stream.end();
      return { form: 'stream', contentType: 'text/plain; charset=utf-8', stream };
    },
  };
}
