import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import type { ApiContext } from '../context.ts';
import type { Target } from './subresource.ts';
import { replace } from '../write/update.ts';
import { findVirtualMachine } from './machine-target.ts';

/**
 * Changes whether a machine is to run, in the field that its spec has for that.
 * @throws ApiError as an update does
 */
export async function setRunning(
  context: ApiContext,
  target: Target,
  running: boolean,
  dryRun: boolean,
): Promise<void> {
  await context.store.transaction(async (tables) => {
    const machine = await findVirtualMachine(tables, target);
    const current = machine as unknown as ResourceObject;
    const draft = { ...current, metadata: { ...current.metadata }, spec: specOf(machine, running) };
    const path = { kind: virtualMachineKind, version: 'v1', ...target, status: false };
    await replace(context, tables, path, { current, draft, dryRun });
  });
}

function specOf({ spec }: VirtualMachine, running: boolean): VirtualMachine['spec'] {
  return spec.running === undefined
    ? { ...spec, runStrategy: running ? 'Always' : 'Halted' }
    : { ...spec, running };
}
