import { formatSeconds } from '../../shared/base/time.ts';
import type { Condition } from '../../shared/model/metadata.ts';

export interface ConditionDraft {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** Conditions with the time at which each last changed its status, carried over where it did not. */
export function settleConditions(
  drafts: readonly ConditionDraft[],
  before: readonly Condition[] | undefined,
  nowMs: number,
): Condition[] {
  return drafts.map((draft) => {
    const same = before?.find(({ type, status }) => type === draft.type && status === draft.status);
    return { ...draft, lastTransitionTime: same?.lastTransitionTime ?? formatSeconds(nowMs) };
  });
}
