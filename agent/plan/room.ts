import { formatBytes } from '../../shared/base/quantity.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { claimBytes } from '../machine/memory-claim.ts';
import type { Accelerator, MachineRow } from '../ports.ts';
import type { MachineMemory } from './memory.ts';
import type { Draft, Situation, Wanted } from './plan.ts';

/**
 * Room for machines in the memory of a box. One that would not fit is not started and says what it would need; what
 * runs is never ended for another.
 */

export interface BoxMemory {
  readonly totalBytes: number;
  /** What machines leave to the box itself. */
  readonly reserveBytes: number;
}

/** A box's memory, and what each machine takes of it that runs or is about to. */
export interface Room extends BoxMemory {
  readonly claims: readonly number[];
}

export function takeRoom(room: Room | undefined, bytes: number): Room | undefined {
  return room === undefined || bytes === 0 ? room : { ...room, claims: [...room.claims, bytes] };
}

/** What a machine takes; nothing where it is not known. */
export function claimOf(wanted: Wanted | undefined, accelerator: Accelerator | undefined): number {
  return wanted?.kind === 'machine' ? claimBytes(wanted.compiled, accelerator ?? 'kvm') : 0;
}

/**
 * Machines in the order in which they get memory: those that have run before those that never did, so that after a
 * power cut all that ran have theirs first; and by name, so that the order is the same each time.
 */
export function inOrderOfStart(rows: readonly MachineRow[]): MachineRow[] {
  const rank = ({ memory: { run } }: MachineRow) => (run?.runningSinceMs === undefined ? 1 : 0);
  const name = ({ desired, uid }: MachineRow) => {
    const { namespace, name: own } = (desired ?? {}) as { namespace?: unknown; name?: unknown };
    return `${String(namespace)}/${String(own)}/${uid}`;
  };
  const keyed = rows.map((row) => ({ row, rank: rank(row), name: name(row) }));
  return keyed.toSorted((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1)).map(({ row }) => row);
}

/** The draft of a start where there is memory for it, or the refusal. One that waits for its start keeps its claim. */
export function admitMemory(
  { room, box }: Situation,
  memory: MachineMemory,
  compiled: CompiledMachine,
  start: Draft,
): Draft {
  if (room === undefined || start.state === 'Refused') return start;
  const needed = claimBytes(compiled, box.accelerator ?? 'kvm');
  const taken = room.claims.reduce((sum, bytes) => sum + bytes, 0);
  const free = room.totalBytes - room.reserveBytes - taken;
  if (needed <= free) return { ...start, claimBytes: needed };
  const machines = room.claims.length === 1 ? '1 machine has' : `${room.claims.length} machines have`;
  const message =
    `it needs ${formatBytes(needed)} of memory with what QEMU takes itself, and ` +
    `${formatBytes(Math.max(free, 0))} are free: of the ${formatBytes(room.totalBytes)} of this box ${machines} ` +
    `${formatBytes(taken)}, and ${formatBytes(room.reserveBytes)} are kept for the box (reserveMemoryMebibytes); ` +
    'it is started when there is room';
  return { memory, actions: [], state: 'Refused', reason: 'InsufficientMemory', message, warning: true };
}
