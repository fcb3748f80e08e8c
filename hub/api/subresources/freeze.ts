import { z } from 'zod';
import { fields } from '../../../shared/model/schema.ts';
import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import type { RequestBody } from '../../../shared/protocol/messages.ts';
import type { ApiContext } from '../context.ts';
import { conflict } from '../errors.ts';
import type { Subresource, Target } from './subresource.ts';
import { askDevice, requireConnected } from './ask-device.ts';
import { findInstanceMachine, isRunning } from './machine-target.ts';
import type { PlacedMachine } from './machine-target.ts';
import { accepted, describeLast, parseOptions, plainOptions } from './order-machine.ts';

/** KubeVirt's `freeze` and `unfreeze` of a guest's file systems, through its agent. */

/** A guest freezes only once what it is writing is written. */
const DEADLINE_MS = 90_000;

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  h: 3_600,
  m: 60,
  s: 1,
  ms: 1e-3,
  us: 1e-6,
  µs: 1e-6,
  ns: 1e-9,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)/g;

/** A length of time as Go writes it (`time.ParseDuration`), in seconds, never rounded down to 0. */
const duration = z
  .string()
  .regex(/^(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|µs|ns))+)$/, 'must be a duration such as 5m0s')
  .transform((text) => {
    const parts = [...text.matchAll(PART)];
    return Math.ceil(
      parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_SECONDS[unit] ?? 0), 0),
    );
  });

/** KubeVirt's `FreezeUnfreezeTimeout`. The guest is thawed by its box after that time; 0 leaves it frozen. */
const freezeOptions = fields({
  dryRun: plainOptions.shape.dryRun,
  unfreezeTimeout: duration,
});

const GROUP = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineInstanceKind,
  verb: 'update',
  responseKind: 'Status',
} as const;

export const freeze: Subresource = {
  ...GROUP,
  name: 'freeze',
  async serve(context, target, request) {
    const { options, dryRun } = parseOptions(request, freezeOptions, 'FreezeUnfreezeTimeout');
    const machine = await findFreezable(context, target);
    const { uid } = machine.row;
    const thawAfterSeconds = options.unfreezeTimeout;
    if (!dryRun) await ask(context, machine, { verb: 'freeze', machine: uid, thawAfterSeconds });
    return accepted(machine);
  },
};

export const unfreeze: Subresource = {
  ...GROUP,
  name: 'unfreeze',
  async serve(context, target, request) {
    const { dryRun } = parseOptions(request, plainOptions, 'options of unfreeze');
    const machine = await findFreezable(context, target);
    if (!dryRun) await ask(context, machine, { verb: 'unfreeze', machine: machine.row.uid });
    return accepted(machine);
  },
};

async function findFreezable(context: ApiContext, target: Target): Promise<PlacedMachine> {
  const machine = await findInstanceMachine(context, target);
  const { row, device } = machine;
  requireConnected(device, describeLast(row));
  const refuse = (why: string) => conflict(virtualMachineInstanceKind, target.name, why);
  if (!isRunning(row)) throw refuse('VMI is not running');
  if (row.status?.process?.guestAgent !== true) throw refuse('VMI does not have guest agent connected');
  return machine;
}

async function ask(context: ApiContext, { row, device }: PlacedMachine, body: RequestBody): Promise<void> {
  await askDevice(context, device, body, { deadlineMs: DEADLINE_MS, instead: describeLast(row) });
}
