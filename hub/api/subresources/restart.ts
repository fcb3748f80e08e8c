import { z } from 'zod';
import { fields } from '../../../shared/model/schema.ts';
import { runStrategyOf, virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import { conflict } from '../errors.ts';
import type { Subresource } from './subresource.ts';
import { findPlacedMachine, findVirtualMachine, isOver } from './machine-target.ts';
import { OPTION_FIELDS, accepted, orderMachine, parseKey, parseOptions } from './order-machine.ts';

/** KubeVirt's `RestartOptions`. */
const restartOptions = fields({
  ...OPTION_FIELDS,
  gracePeriodSeconds: z.literal(0, 'must be 0, or left out for the grace period of the machine').nullish(),
});

/** KubeVirt's restart of a running machine: its guest is asked to shut down, and it is started again. */
export const restart: Subresource = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineKind,
  name: 'restart',
  verb: 'update',
  responseKind: 'Status',
  async serve(context, target, request) {
    const { options, dryRun } = parseOptions(request, restartOptions, 'RestartOptions');
    const key = parseKey(request);
    const refuse = (why: string) => conflict(virtualMachineKind, target.name, why);
    const { spec } = await context.store.read((tables) => findVirtualMachine(tables, target));
    const runStrategy = runStrategyOf(spec);
    if (runStrategy === 'Halted' || runStrategy === 'Once')
      throw refuse(`${runStrategy} does not support manual restart requests`);
    const machine = await findPlacedMachine(context, target);
    const { row, device } = machine;
    // Of a device that is away nobody knows, and its refusal says that; of one that was stopped on the box the box does.
    const isHeld = row.status?.override !== undefined;
    if (device.presence === 'connected' && isOver(row) && !isHeld)
      throw refuse('VM is not running: start it instead');
    const grace = options.gracePeriodSeconds === 0 ? { gracePeriodSeconds: 0 } : {};
    if (!dryRun) await orderMachine(context, machine, 'restart', { key, ...grace });
    return accepted(machine);
  },
};
