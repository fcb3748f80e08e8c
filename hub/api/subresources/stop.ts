import { z } from 'zod';
import { fields } from '../../../shared/model/schema.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { runStrategyOf, virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import { jsonReply } from '../answer.ts';
import { conflict, success } from '../errors.ts';
import type { Subresource } from './subresource.ts';
import { requireConnected } from './ask-device.ts';
import { findPlacedMachine, findVirtualMachine, hasRun } from './machine-target.ts';
import { OPTION_FIELDS, describeInstead, orderMachine, parseKey, parseOptions } from './order-machine.ts';
import { setRunning } from './run-strategy.ts';

/** KubeVirt's grace period where a manifest gives none. */
const DEFAULT_GRACE_SECONDS = 30;

/** KubeVirt's `StopOptions`. */
const stopOptions = fields({ ...OPTION_FIELDS, gracePeriod: z.int().min(0).nullish() });

/**
 * KubeVirt's stop: Always and Once become Halted, which needs no link; under Manual and RerunOnFailure, and where the
 * stop has a grace period of its own, the device is told.
 */
export const stop: Subresource = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineKind,
  name: 'stop',
  verb: 'update',
  responseKind: 'Status',
  async serve(context, target, request) {
    const { options, dryRun } = parseOptions(request, stopOptions, 'StopOptions');
    const key = parseKey(request);
    const { machine, runs } = await context.store.transaction(async (tables) => {
      const found = await findVirtualMachine(tables, target);
      const row = await tables.machines.get(found.metadata.uid ?? '');
      return { machine: found, runs: row !== undefined && hasRun(row) };
    });
    const runStrategy = runStrategyOf(machine.spec);
    const isSaid = runStrategy === 'Always' || runStrategy === 'Once';
    const refuse = (why: string) => conflict(virtualMachineKind, target.name, why);
    if (!isSaid && !runs) throw refuse('VM is not running');
    const graceSeconds = options.gracePeriod ?? undefined;
    if (runStrategy === 'Halted' && (graceSeconds ?? Infinity) >= graceOf(machine))
      throw refuse('Halted only supports manual stop requests with a shorter graceperiod');

    const isTold = runs && (!isSaid || graceSeconds !== undefined);
    const placed = isTold ? await findPlacedMachine(context, target) : undefined;
    // Found out before anything is changed: a stop that takes its time is not what was asked for.
    if (placed !== undefined) requireConnected(placed.device, describeInstead(placed.row, 'stop'));
    if (isSaid) await setRunning(context, target, false, dryRun);
    if (placed !== undefined && !dryRun) {
      const grace = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
      await orderMachine(context, placed, 'stop', { key, ...grace });
    }
    const { group, plural } = virtualMachineKind;
    const uid = machine.metadata.uid ?? '';
    return jsonReply({ ...success({ name: target.name, group, kind: plural, uid }), code: 202 }, 202);
  },
};

function graceOf({ spec }: VirtualMachine): number {
  return spec.template.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}
