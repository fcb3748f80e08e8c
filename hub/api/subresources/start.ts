import { z } from 'zod';
import { fields } from '../../../shared/model/schema.ts';
import { runStrategyOf, virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import { jsonReply } from '../answer.ts';
import type { ApiContext } from '../context.ts';
import { conflict, success } from '../errors.ts';
import type { Subresource, Target } from './subresource.ts';
import { requireConnected } from './ask-device.ts';
import { findPlacedMachine, findVirtualMachine, hasRun } from './machine-target.ts';
import { OPTION_FIELDS, describeLast, orderMachine, parseKey, parseOptions } from './order-machine.ts';
import { setRunning } from './run-strategy.ts';

/** KubeVirt's `StartOptions`. */
const startOptions = fields({ ...OPTION_FIELDS, paused: z.boolean().nullish() });

/**
 * KubeVirt's start: Halted becomes Always, which needs no link; under Manual and RerunOnFailure, and for a start that
 * is to be paused, the device is told.
 */
export const start: Subresource = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineKind,
  name: 'start',
  verb: 'update',
  responseKind: 'Status',
  async serve(context, target, request) {
    const { options, dryRun } = parseOptions(request, startOptions, 'StartOptions');
    const key = parseKey(request);
    const { runStrategy, uid, runs } = await read(context, target);
    const refuse = (why: string) => conflict(virtualMachineKind, target.name, why);
    if (runs) throw refuse('VM is already running');
    if (runStrategy === 'Always' || runStrategy === 'Once')
      throw refuse(`${runStrategy} does not support manual start requests`);
    const paused = options.paused === true;
    if (runStrategy !== 'Halted' || paused) {
      const machine = await findPlacedMachine(context, target);
      requireConnected(machine.device, describeLast(machine.row));
      if (!dryRun) await orderMachine(context, machine, 'start', { key, ...(paused && { paused }) });
    }
    if (runStrategy === 'Halted') await setRunning(context, target, true, dryRun);
    const { group, plural } = virtualMachineKind;
    return jsonReply({ ...success({ name: target.name, group, kind: plural, uid }), code: 202 }, 202);
  },
};

async function read({ store }: ApiContext, target: Target) {
  return store.transaction(async (tables) => {
    const machine = await findVirtualMachine(tables, target);
    const uid = machine.metadata.uid ?? '';
    const row = await tables.machines.get(uid);
    return { uid, runStrategy: runStrategyOf(machine.spec), runs: row !== undefined && hasRun(row) };
  });
}
