import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { compareRun, explainFields } from './draft-change.ts';
import type { MachineMemory } from './memory.ts';
import type { Draft, Situation } from './plan.ts';
import { planStart } from './plan-start.ts';
import { admitMemory, claimOf } from './room.ts';

/** A restart that begins: what is remembered of it, and why. */
interface Restart {
  readonly memory: MachineMemory;
  readonly why: string;
}

/**
 * Whether a running machine that is to be restarted when its description needs that (`restartWhenRequired`) is
 * restarted now; otherwise its draft, which says what the restart waits for. A restart is made once for a description,
 * so that what it does not settle is no reason for another; never while someone on the box holds the machine; and only
 * once the machine could be started again: until then it runs as it is.
 */
export function planRestart(
  situation: Situation,
  draft: Draft,
  desired: DesiredMachine,
  compiled: CompiledMachine,
): Restart | Draft {
  const { memory } = draft;
  const { generation, restartWhenRequired = false } = desired;
  const isFree = draft.state === 'Running' && draft.actions.length === 0 && memory.override === undefined;
  const isRunning = situation.observed?.process?.runState === 'running';
  if (!restartWhenRequired || !isFree || !isRunning || memory.restartedFor === generation) return draft;
  const fields = compareRun(situation)?.restart ?? [];
  if (fields.length === 0) return draft;
  const start = planStart(situation, memory, compiled);
  const admitted =
    start.state === 'Starting' ? admitMemory(leaveRoom(situation), memory, compiled, start) : start;
  if (admitted.actions.some(({ kind }) => kind === 'start')) {
    const why = `the machine is restarted for ${explainFields(fields)}`;
    return { memory: { ...memory, restarting: true, restartedFor: generation }, why };
  }
  // It has its claim already, as it runs.
  const { claimBytes: _, ...held } = admitted;
  return { ...held, state: 'Running', message: `the guest runs, and its restart waits: ${held.message}` };
}

/** The box's memory as it is once this machine is down. */
function leaveRoom(situation: Situation): Situation {
  const { room, observed, wanted, box } = situation;
  if (room === undefined) return situation;
  const own = room.claims.indexOf(observed?.record?.claimBytes ?? claimOf(wanted, box.accelerator));
  return { ...situation, room: { ...room, claims: room.claims.filter((_, index) => index !== own) } };
}
