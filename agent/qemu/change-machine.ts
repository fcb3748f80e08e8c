import { userInfo } from 'node:os';
import { messageOf } from '../../shared/base/errors.ts';
import type { ChangeRequest } from '../machine/change.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { compileMachine } from '../machine/compile.ts';
import { claimBytes, compileClaim } from '../machine/memory-claim.ts';
import { readRunLimits } from '../machine/run-limits.ts';
import type { RunRecord } from '../ports.ts';
import { makeChange } from './change.ts';
import { addDisks } from './disks.ts';
import type { HoldLent } from './forwards.ts';
import type { Monitor } from './monitor.ts';
import type { Note } from './notes.ts';
import { writeRecord } from './record.ts';
import type { StartContext } from './start.ts';

export interface ChangeContext extends Pick<
  StartContext,
  'account' | 'clock' | 'folder' | 'outside' | 'ports' | 'networks'
> {
  /** Of the run that is changed. */
  readonly record: RunRecord;
  readonly monitor: Monitor;
  readonly note: Note;
  readonly holdLent: HoldLent;
  /** Gives the process of a run the limits of a machine like this. */
  readonly limit: (record: RunRecord, machine: CompiledMachine) => Promise<void>;
}

/** Makes a change of a machine's run and writes down what it then runs by: last, so that no more is noted than is done. */
export async function changeMachine(
  { change, running, images }: ChangeRequest,
  context: ChangeContext,
): Promise<void> {
  const { record, folder, monitor, clock, account, outside, ports, networks, holdLent } = context;
  const { uid } = record;
  if (change.kind === 'set-memory' || change.kind === 'add-cpus')
    await raiseLimit(compileMachine(running), context);
  const note = (known: Partial<RunRecord>) => writeRecord(folder, { ...record, ...known });
  const after = await makeChange(change, {
    qmp: await monitor.connect(record.run),
    record,
    clock,
    note,
    makeDisk: async (disk) => addDisks([disk], { folder, images, account, outside, before: record }),
    choosePorts: async (card, wanted) =>
      ports.add(
        uid,
        wanted.map((port) => ({ ...port, interface: card })),
      ),
    connect: async (card, machine) => networks.connect(machine, [card], account?.uid ?? userInfo().uid),
    disconnect: async (card) => networks.disconnect(uid, [card]),
    holdLent,
  });
  note({ ...after, desired: running, claimBytes: claimOfRun(compileMachine(running), record) });
  if (after.ports !== undefined) ports.keep(uid, after.ports);
}

/** What it was started with stays counted, so that the guest can have it back at any time. */
function claimOfRun(machine: CompiledMachine, { command, accelerator }: RunRecord): number {
  const memoryBytes = Math.max(machine.memoryBytes, readRunLimits(command).memoryBytes);
  const claim = compileClaim(machine.desired.spec.domain, memoryBytes);
  return claimBytes({ ...machine, memoryBytes, claim }, accelerator);
}

/** What the guest still has counts, also where it is to have less. A box that can't confine it changes it all the same. */
async function raiseLimit(
  machine: CompiledMachine,
  { record, monitor, limit, note }: ChangeContext,
): Promise<void> {
  const state = await monitor.read(record.run);
  const has = readRunLimits(record.command).memoryBytes + (state?.addedMemory?.bytes ?? 0);
  const memoryBytes = Math.max(machine.memoryBytes, has);
  const problem = await limit(record, { ...machine, memoryBytes }).then(() => undefined, messageOf);
  note('confine it anew', problem);
}
