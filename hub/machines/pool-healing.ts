import { parseTime } from '../../shared/base/time.ts';
import type { MachineSet, SetMember } from './machine-set.ts';

/** Upstream's default of `minFailingToStartDuration`. */
const DEFAULT_DURATION = '5m';
const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** What `printableStatus` says of a machine that fails to run. */
const FAILING: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'ErrorUnschedulable',
  'DataVolumeError',
  'ErrorPvcNotFound',
  'ErrImagePull',
  'ImagePullBackOff',
]);

/** The machines of a pool that have failed to run for too long, where it replaces such; and when the next will have. */
export function findFailing(
  set: MachineSet,
  live: readonly SetMember[],
  nowMs: number,
): { readonly failing: readonly SetMember[]; readonly wakeAtMs?: number } {
  if (set.kind !== 'VirtualMachinePool' || set.spec.autohealing === undefined) return { failing: [] };
  const { minFailingToStartDuration = DEFAULT_DURATION } = set.spec.autohealing;
  const patienceMs = parseDuration(minFailingToStartDuration);
  const due = live.flatMap((member) => {
    const sinceMs = failingSince(member);
    return sinceMs === undefined ? [] : [{ member, atMs: sinceMs + patienceMs }];
  });
  const later = due.filter(({ atMs }) => atMs > nowMs).map(({ atMs }) => atMs);
  return {
    failing: due.filter(({ atMs }) => atMs <= nowMs).map(({ member }) => member),
    ...(later.length === 0 ? {} : { wakeAtMs: Math.min(...later) }),
  };
}

function failingSince(member: SetMember): number | undefined {
  if (member.kind !== 'VirtualMachine' || !FAILING.has(member.status?.printableStatus ?? ''))
    return undefined;
  const ready = (member.status?.conditions ?? []).find(({ type }) => type === 'Ready');
  return ready?.status === 'False' ? parseTime(ready.lastTransitionTime) : undefined;
}

/** Milliseconds of a Go duration in the form that the schema takes. */
function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0);
}
