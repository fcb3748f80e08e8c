import type { CompiledMachine } from '../machine/compile.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import type { ObservedMachine } from '../ports.ts';
import type { Draft, Situation, Wanted } from './plan.ts';

/** How soon it is tried again where the guest's agent would not. */
const TRY_EVERY_MS = 60_000;

/**
 * Has the guest's agent give its users their keys and passwords, where it has not done so in this run with those of
 * now. An agent that was started anew does not know, and does it again.
 */
export function planCredentials(
  situation: Situation,
  draft: Draft,
  { uid, credentials }: CompiledMachine,
): Draft {
  const process = situation.observed?.process;
  if (credentials === undefined || process?.runState !== 'running' || !process.guestAgent) return draft;
  const { digest, problem, atMs } = process.credentials ?? { digest: '', atMs: -Infinity };
  if (digest === credentials.digest) {
    if (problem === undefined) return draft;
    const againAtMs = atMs + TRY_EVERY_MS;
    if (situation.nowMs < againAtMs)
      return { ...draft, wakeAtMs: Math.min(againAtMs, draft.wakeAtMs ?? Infinity) };
  }
  return { ...draft, actions: [...draft.actions, { kind: 'give-credentials', uid, credentials }] };
}

/** Whether the guest has what it is to have; undefined where nothing goes through its agent, or it does not run. */
export function describeCredentials(
  wanted: Wanted,
  observed: ObservedMachine | undefined,
): Pick<MachineStatus, 'credentials'> {
  const process = observed?.process;
  if (wanted.kind !== 'machine' || wanted.compiled.credentials === undefined || process === undefined)
    return {};
  const { digest, problem } = process.credentials ?? {};
  const isNow = digest === wanted.compiled.credentials.digest;
  if (isNow && problem === undefined) return { credentials: { synchronized: true } };
  const message = isNow && problem !== undefined ? problem : 'the guest agent has not been asked yet';
  return { credentials: { synchronized: false, message } };
}
