import { messageOf } from '../../shared/base/errors.ts';
import type { DesiredMachine, DesiredVolume, MachineIdentity } from '../../shared/model/machine.ts';
import {
  desiredMachine,
  desiredVolume,
  machineIdentity,
  removedMachine,
} from '../../shared/model/machine.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import { isFound } from './kept.ts';
import type { Wanted } from './plan.ts';
import { compileMachine } from '../machine/compile.ts';
import { compileVolume } from '../machine/compile-disks.ts';

/**
 * What is wanted of a machine, from its entry in the desired document. An entry that this agent can't carry out
 * is `refused` with what and where; one that doesn't even say which machine it is about is undefined.
 */
export function readWanted(entry: unknown): Wanted | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const identity = validate(machineIdentity, entry);
  if (!identity.ok) return undefined;
  if ('removed' in entry) {
    const removed = validate(removedMachine, entry);
    return removed.ok ? { kind: 'removed', desired: removed.value } : undefined;
  }
  if (isFound(entry)) {
    return {
      kind: 'refused',
      reason: 'FoundOnDisk',
      identity: identity.value,
      generation: 0,
      problem: 'known from its folder only, and left as it is: what describes it comes from the hub',
    };
  }
  const desired =
    identity.value.kind === 'DataVolume' ? validate(desiredVolume, entry) : validate(desiredMachine, entry);
  if (desired.ok) return compile(identity.value, desired.value);
  const generation =
    'generation' in entry && Number.isInteger(entry.generation) ? Number(entry.generation) : 0;
  const problem = formatCauses(desired.causes);
  return { kind: 'refused', reason: 'NotSupported', identity: identity.value, generation, problem };
}

/** A description that passed its schema and yet can't be compiled came from a hub that knows more than this agent. */
function compile(identity: MachineIdentity, desired: DesiredMachine | DesiredVolume): Wanted {
  try {
    if (desired.kind === 'DataVolume') {
      return { kind: 'volume', desired, content: compileVolume(desired.dataVolume, desired) };
    }
    return { kind: 'machine', desired, compiled: compileMachine(desired) };
  } catch (error) {
    const { generation } = desired;
    return { kind: 'refused', reason: 'NotSupported', identity, generation, problem: messageOf(error) };
  }
}

/** Which machine an entry is about. */
export function identityOf(wanted: Wanted): MachineIdentity {
  const { uid, namespace, name, kind } = wanted.kind === 'refused' ? wanted.identity : wanted.desired;
  return { uid, namespace, name, kind };
}
