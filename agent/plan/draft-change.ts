import { restartDelayMs } from '../../shared/base/backoff.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import { isSameJson } from '../../shared/base/same-json.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import type { Change } from '../machine/change.ts';
import { describeChange } from '../machine/change.ts';
import { imagesOf } from '../machine/images.ts';
import type { MachineMemory } from './memory.ts';
import { forget } from './memory.ts';
import type { ChangePlan } from './plan-change.ts';
import { planChange } from './plan-change.ts';
import type { Draft, PlannedEvent, Situation } from './plan.ts';
import { gatherImages } from './plan-images.ts';
import type { Settled } from './settle-run.ts';

/** How many fields a sentence names. */
const NAMED = 8;

/** Adds to the draft of a machine whose guest runs the next change that is to be made while it does: one at a time. */
export function draftChange(situation: Situation, draft: Draft): Draft {
  const { observed, nowMs } = situation;
  const isIdle = draft.state === 'Running' && draft.actions.length === 0;
  if (!isIdle || observed?.process?.runState !== 'running') return draft;
  const next = compareRun(situation)?.next;
  if (next === undefined) return { ...draft, memory: forget(draft.memory, 'failedChange') };
  const failed = draft.memory.failedChange;
  if (failed !== undefined && failed.what === describeChange(next.change) && nowMs < failed.againAtMs) {
    return { ...draft, wakeAtMs: failed.againAtMs };
  }
  const { change, running } = next;
  const lack = explainLack(situation, change);
  if (lack !== undefined) {
    const failedChange = { what: describeChange(change), why: lack, tries: 0, againAtMs: 0 };
    return { ...draft, memory: { ...draft.memory, failedChange } };
  }
  const gathered =
    change.kind === 'plug-disk' || change.kind === 'change-medium'
      ? gatherImages(situation, draft.memory, imagesOf(change.disk.content))
      : { images: new Map<string, never>() };
  // While its image is fetched, the guest runs on.
  if ('state' in gathered) return { ...gathered, state: 'Running' };
  const { uid } = observed;
  return { ...draft, actions: [{ kind: 'change', uid, change, running, images: gathered.images }] };
}

/** Why a guest can't be given memory now: what others have of the box is theirs. */
function explainLack({ room, running }: Situation, change: Change): string | undefined {
  if (change.kind !== 'set-memory' || room === undefined || running === undefined) return undefined;
  const free = room.claims.reduce((left, bytes) => left - bytes, room.totalBytes - room.reserveBytes);
  // What it was started with stays its own, also where its balloon has some of that.
  const { memoryBytes: least } = running.limits;
  const more = Math.max(change.bytes, least) - Math.max(running.machine.memoryBytes, least);
  return more <= Math.max(free, 0)
    ? undefined
    : `it needs ${formatBytes(more)} more, and ${formatBytes(Math.max(free, 0))} of the box are free`;
}

/** Which fields take effect at the next start only, in a sentence; undefined where there are none. */
export function explainRestart(situation: Situation): string | undefined {
  const { wanted, observed, memory, running } = situation;
  if (wanted.kind !== 'machine' || observed?.process === undefined || observed.record === undefined)
    return undefined;
  const plan = compareRun(situation);
  if (plan === undefined) {
    const before = running?.machine.desired ?? observed.record.desired;
    if (isSameJson(before, wanted.desired)) return undefined;
    return 'the machine runs as it was before its last change, which takes effect at its next start';
  }
  const failed = memory.failedChange;
  const isFailing = plan.next !== undefined && failed?.what === describeChange(plan.next.change);
  const fields = [
    ...plan.restart,
    ...(isFailing ? plan.next.fields.map((field) => `${field} (not made while it runs: ${failed.why})`) : []),
  ];
  if (fields.length === 0) return undefined;
  return `changes take effect at the next start: ${explainFields(fields)}`;
}

/** Where the process is not yet as described; left out where it is, or where that is not known. */
export function describeUnmade(situation: Situation): Pick<MachineStatus, 'unmade'> {
  const { unmade } = (situation.observed?.process && compareRun(situation)) ?? {};
  const isNothing = unmade === undefined || unmade.live.length + unmade.atRestart.length === 0;
  return isNothing ? {} : { unmade };
}

/** The first fields of many, and how many more there are. */
export function explainFields(fields: readonly string[]): string {
  const more = fields.length > NAMED ? ` and ${fields.length - NAMED} more` : '';
  return `${fields.slice(0, NAMED).join(', ')}${more}`;
}

/** What differs between the process and its description; undefined where it is not known what the process runs by. */
export function compareRun({ wanted, observed, memory, running }: Situation): ChangePlan | undefined {
  if (wanted.kind !== 'machine') return undefined;
  if (running !== undefined) return planChange(running, wanted.compiled);
  if (observed?.record === undefined || observed.record.desired !== undefined) return undefined;
  // An agent of before, which did not write it down, said whether it was the same.
  const { reported } = memory;
  const isSame =
    reported?.process !== undefined &&
    reported.restartRequired === undefined &&
    reported.generation === wanted.desired.generation;
  return isSame
    ? {
        restart: [],
        unmade: { live: [], atRestart: [] },
        next: { change: { kind: 'note' }, running: wanted.desired, fields: [] },
      }
    : undefined;
}

/** Records that a change could not be made; it is tried again, ever more rarely. */
export function settleFailedChange(memory: MachineMemory, what: string, why: string, nowMs: number): Settled {
  const tries = (memory.failedChange?.what === what ? memory.failedChange.tries : 0) + 1;
  const failedChange = { what, why, tries, againAtMs: nowMs + restartDelayMs(tries, 0) };
  const event: PlannedEvent = {
    type: 'Warning',
    reason: 'ChangeFailed',
    message: `${what}: that could not be done while the machine runs: ${why}`,
  };
  return { memory: { ...memory, failedChange }, events: tries === 1 ? [event] : [] };
}
