import { restartDelayMs } from '../../shared/base/backoff.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import { isSameJson } from '../../shared/base/same-json.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import type { Change } from '../machine/change.ts';
import { describeChange } from '../machine/change.ts';
import { imagesOf } from '../machine/images.ts';
import { awaitDisks } from './await-disks.ts';
import type { FailedChange, MachineMemory } from './memory.ts';
import { forget } from './memory.ts';
import type { ChangePlan, LiveChange } from './plan-change.ts';
import { planChange } from './plan-change.ts';
import type { Draft, PlannedEvent, Situation } from './plan.ts';
import { gatherImages } from './plan-images.ts';
import type { Settled } from './settle-run.ts';

/** How many fields a sentence names. */
const NAMED = 8;

/**
 * Adds to the draft of a machine whose guest runs the next change that is to be made while it does: one at a time. One
 * that can't be made now holds up no other.
 */
export function draftChange(situation: Situation, draft: Draft): Draft {
  const { observed } = situation;
  const isIdle = draft.state === 'Running' && draft.actions.length === 0;
  if (!isIdle || observed?.process?.runState !== 'running') return draft;
  const live = compareRun(situation)?.live ?? [];
  let waits: Draft = { ...draft, memory: keepFailures(draft.memory, live) };
  for (const next of live) {
    waits = draftNext(situation, waits, observed.uid, next);
    if (waits.actions.length > 0) break;
  }
  return waits;
}

/** Adds a change, or what is to be done before it; or why and until when it waits. */
function draftNext(situation: Situation, draft: Draft, uid: string, { change, running }: LiveChange): Draft {
  const what = describeChange(change);
  const failed = draft.memory.failedChanges?.find((one) => one.what === what);
  if (failed !== undefined && situation.nowMs < failed.againAtMs) return wakeBy(draft, failed.againAtMs);
  const lack = explainLack(situation, change);
  if (lack !== undefined) {
    return { ...draft, memory: noteFailure(draft.memory, { what, why: lack, tries: 0, againAtMs: 0 }) };
  }
  if (change.kind !== 'plug-disk' && change.kind !== 'change-medium')
    return { ...draft, actions: [{ kind: 'change', uid, change, running, images: new Map() }] };
  const { disk } = change;
  // Until its image and its data volume's disk are here, the guest runs on.
  const missing = awaitDisks(situation, draft.memory, [disk], 'it is plugged in');
  if (missing !== undefined) return { ...draft, ...missing, state: 'Running', warning: false };
  const gathered = gatherImages(situation, draft.memory, imagesOf(disk.content));
  if ('state' in gathered) {
    const { wakeAtMs, ...fetching } = gathered;
    return wakeBy({ ...draft, warning: false, ...fetching, state: 'Running' }, wakeAtMs);
  }
  return { ...draft, actions: [{ kind: 'change', uid, change, running, images: gathered.images }] };
}

function wakeBy(draft: Draft, atMs = Infinity): Draft {
  const wakeAtMs = Math.min(draft.wakeAtMs ?? Infinity, atMs);
  return wakeAtMs === Infinity ? draft : { ...draft, wakeAtMs };
}

/** What failed of changes that are still to be made. */
function keepFailures(memory: MachineMemory, live: readonly LiveChange[]): MachineMemory {
  const wanted = live.map(({ change }) => describeChange(change));
  const failedChanges = memory.failedChanges?.filter(({ what }) => wanted.includes(what)) ?? [];
  return failedChanges.length === 0 ? forget(memory, 'failedChanges') : { ...memory, failedChanges };
}

function noteFailure(memory: MachineMemory, failed: FailedChange): MachineMemory {
  const others = memory.failedChanges?.filter(({ what }) => what !== failed.what) ?? [];
  return { ...memory, failedChanges: [...others, failed] };
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
  const failing = plan.live.flatMap(({ change, fields }) => {
    const failed = memory.failedChanges?.find(({ what }) => what === describeChange(change));
    return failed === undefined
      ? []
      : fields.map((field) => `${field} (not made while it runs: ${failed.why})`);
  });
  const fields = [...plan.restart, ...failing];
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
        live: [{ change: { kind: 'note' }, running: wanted.desired, fields: [] }],
      }
    : undefined;
}

/** Records that a change could not be made; it is tried again, ever more rarely. */
export function settleFailedChange(memory: MachineMemory, what: string, why: string, nowMs: number): Settled {
  const tries = (memory.failedChanges?.find((one) => one.what === what)?.tries ?? 0) + 1;
  const failed = { what, why, tries, againAtMs: nowMs + restartDelayMs(tries, 0) };
  const event: PlannedEvent = {
    type: 'Warning',
    reason: 'ChangeFailed',
    message: `${what}: that could not be done while the machine runs: ${why}`,
  };
  return { memory: noteFailure(memory, failed), events: tries === 1 ? [event] : [] };
}
