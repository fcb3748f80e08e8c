import { isSameJson } from '../../shared/base/same-json.ts';
import type { FoundMachine } from '../../shared/model/machine.ts';
import type { KeptMachine, MachineRow, ObservedMachine } from '../ports.ts';
import { EMPTY_MEMORY, forget } from './memory.ts';
import type { MachinePlan } from './plan.ts';

/** What outlives the agent's store: it lies beside each machine's disks, and a lost store is made again from it. */

const PASSING = [
  'reported',
  'askedImages',
  'nextStartAtMs',
  'awaited',
  'stop',
  'resumedAtMs',
  'unpausing',
  'softReboot',
  'resetting',
  'graceMs',
  'failedChanges',
  'leaving',
] as const;

export function isFound(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'found' in entry && entry.found === true;
}

/**
 * What is to be written down of a machine, or undefined where that is there already, or there is no folder for it.
 * It is what is to be told from a machine that should be: what only passes is left out.
 */
export function compileKept(
  { desired }: MachineRow,
  plan: MachinePlan,
  observed: ObservedMachine | undefined,
): KeptMachine | undefined {
  const isPlaced =
    observed !== undefined || plan.actions.some(({ kind }) => kind === 'start' || kind === 'make-disk');
  if (!isPlaced || isFound(desired)) return undefined;
  const memory = forget(plan.memory, ...PASSING);
  const kept = { desired, memory };
  return isSameJson(kept, observed?.kept) ? undefined : kept;
}

/**
 * The row of a machine that its folder knows more of than the store does, or undefined where the store knows enough.
 * A store that was lost may have heard the hub before it looks around: then the description is the hub's, and what
 * is remembered comes from the folder.
 */
export function recoverRow(row: MachineRow | undefined, observed: ObservedMachine): MachineRow | undefined {
  const { uid, kept } = observed;
  const neverPlanned = row !== undefined && row.memory.bootId === undefined;
  if (row !== undefined && !isFound(row.desired)) {
    const isUseful = neverPlanned && kept !== undefined;
    return isUseful ? { ...row, memory: { ...kept.memory, ...row.memory } } : undefined;
  }
  if (kept !== undefined) return { uid, desired: kept.desired, memory: { ...kept.memory, ...row?.memory } };
  return row === undefined ? { uid, desired: describeFound(observed), memory: EMPTY_MEMORY } : undefined;
}

/** An agent of before wrote a record only, and where that is gone too, the uid has to do for a name. */
function describeFound({ uid, record }: ObservedMachine): FoundMachine {
  const { namespace, name } = record ?? { namespace: 'default', name: uid };
  return { uid, namespace, name, kind: 'VirtualMachine', found: true };
}
