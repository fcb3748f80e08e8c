import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import type { MachineRow } from '../../ports.ts';
import { conflict } from '../errors.ts';
import type { Subresource } from './subresource.ts';
import { requireConnected } from './ask-device.ts';
import { findInstanceMachine, isRunning } from './machine-target.ts';
import {
  accepted,
  describeInstead,
  orderMachine,
  parseKey,
  parseOptions,
  plainOptions,
} from './order-machine.ts';

/** What a running guest is told to do, as KubeVirt has it beside instances. */

const isPaused = ({ status }: MachineRow) => status?.state === 'Paused';

/** Why a machine can't be told to, in KubeVirt's words; undefined where it can. */
type Refusal = (row: MachineRow) => string | undefined;

export const pause = orderGuest('pause', 'PauseOptions', (row) =>
  isRunning(row) ? (isPaused(row) ? 'VMI is already paused' : undefined) : 'VM is not running',
);
export const unpause = orderGuest('unpause', 'UnpauseOptions', (row) =>
  isRunning(row) ? (isPaused(row) ? undefined : 'VMI is not paused') : 'VMI is not running',
);
export const softReboot = orderGuest('softreboot', 'options of softreboot', (row) =>
  isRunning(row) ? (isPaused(row) ? 'VMI is paused' : undefined) : 'VM is not running',
);
export const reset = orderGuest('reset', 'options of reset', (row) =>
  isRunning(row) ? undefined : 'VMI is not running',
);

function orderGuest(
  name: 'pause' | 'unpause' | 'softreboot' | 'reset',
  optionsKind: string,
  refuse: Refusal,
): Subresource {
  return {
    group: 'subresources.kubevirt.io',
    versions: ['v1', 'v1alpha3'],
    kind: virtualMachineInstanceKind,
    name,
    verb: 'update',
    responseKind: 'Status',
    async serve(context, target, request) {
      const { dryRun } = parseOptions(request, plainOptions, optionsKind);
      const key = parseKey(request);
      const machine = await findInstanceMachine(context, target);
      const { row, device } = machine;
      requireConnected(device, describeInstead(row, name));
      const why = refuse(row);
      if (why !== undefined) throw conflict(virtualMachineInstanceKind, target.name, why);
      if (!dryRun) await orderMachine(context, machine, name, { key });
      return accepted(machine);
    },
  };
}
