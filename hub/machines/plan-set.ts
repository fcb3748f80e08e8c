import { assert } from '../../shared/base/assert.ts';
import { selects } from '../../shared/model/label-selector.ts';
import { parseTime } from '../../shared/base/time.ts';
import type {
  SelectionPolicy,
  SortPolicy,
  VirtualMachinePool,
} from '../../shared/model/virtual-machine-pool.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { MachineSet, SetMember } from './machine-set.ts';
import { isFinished, isReady, isSettled } from './machine-set.ts';
import { findFailing } from './pool-healing.ts';
import { indexOf, isOfRevision } from './pool-machine.ts';

export interface SetSituation {
  readonly set: MachineSet;
  /** The machines that the set owns, also those that are being deleted. */
  readonly members: readonly SetMember[];
  /** Every name of the members' kind that is taken in the namespace. */
  readonly names: ReadonlySet<string>;
  /** The form of a pool's template. */
  readonly revision: string;
  readonly nowMs: number;
  /** A fraction in [0, 1), another one with each call. */
  readonly fraction: () => number;
}

/** What is to be done about a set's machines: names to make, and machines to remove or bring up to the template. */
export interface SetPlan {
  readonly create: readonly string[];
  readonly remove: readonly SetMember[];
  readonly update: readonly VirtualMachine[];
  /** When to look again though nothing happened. */
  readonly wakeAtMs?: number;
}

/** How much is done at once; what is left is done when that shows. */
const BURST = 250;
const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;

/** Pure: what a set lacks, has too many of, or has in another form than its template says. */
export function planSet(situation: SetSituation): SetPlan {
  const { set, members } = situation;
  const live = members.filter((member) => !isDeleting(member) && !isFinished(member));
  if (set.spec.paused === true) return { create: [], remove: [], update: [] };
  const finished = members.filter((member) => !isDeleting(member) && isFinished(member));
  const { failing, wakeAtMs } = findFailing(set, live, situation.nowMs);
  const missing = (set.spec.replicas ?? 1) - live.length;
  const remove = [...finished, ...failing, ...(missing < 0 ? chooseSurplus(situation, live, -missing) : [])];
  return {
    create: missing > 0 ? chooseNames(situation, Math.min(missing, BURST)) : [],
    remove: [...new Set(remove)].slice(0, BURST),
    update: set.kind === 'VirtualMachinePool' ? chooseOutdated(situation, set, live, remove) : [],
    ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
  };
}

function isDeleting({ metadata }: SetMember): boolean {
  return (metadata.deletionTimestamp ?? '') !== '';
}

/** A pool's machines have the lowest numbers that are free; those of a replica set end in random letters. */
function chooseNames({ set, names, fraction }: SetSituation, count: number): string[] {
  const chosen: string[] = [];
  const base = set.kind === 'VirtualMachinePool' ? '' : baseNameOf(set);
  for (let index = 0; chosen.length < count; index += 1) {
    const name =
      set.kind === 'VirtualMachinePool'
        ? `${set.metadata.name}-${index}`
        : `${base}${randomSuffix(fraction)}`;
    if (!names.has(name) && !chosen.includes(name)) chosen.push(name);
  }
  return chosen;
}

function baseNameOf(set: Exclude<MachineSet, VirtualMachinePool>): string {
  const { name, generateName } = set.spec.template.metadata ?? {};
  return name ?? generateName ?? set.metadata.name;
}

function randomSuffix(fraction: () => number): string {
  const letters = Array.from({ length: SUFFIX_LENGTH }, () => {
    return SUFFIX_LETTERS[Math.floor(fraction() * SUFFIX_LETTERS.length)];
  });
  return letters.join('');
}

function chooseSurplus(
  situation: SetSituation,
  live: readonly SetMember[],
  count: number,
): readonly SetMember[] {
  const { set } = situation;
  const strategy = set.kind === 'VirtualMachinePool' ? set.spec.scaleInStrategy : undefined;
  if (strategy?.unmanaged !== undefined || strategy?.opportunistic !== undefined) return [];
  const policy = strategy?.proactive?.selectionPolicy;
  return inOrder(situation, live.filter(isChosenBy(policy)), policy?.sortPolicy).slice(0, count);
}

/** Which machines are brought up to the template now: as many of those that work as may be unavailable at a time. */
function chooseOutdated(
  situation: SetSituation,
  pool: VirtualMachinePool,
  live: readonly SetMember[],
  removed: readonly SetMember[],
): readonly VirtualMachine[] {
  const strategy = pool.spec.updateStrategy;
  if (strategy?.unmanaged !== undefined) return [];
  const policy = strategy?.proactive?.selectionPolicy;
  const outdated = inOrder(
    situation,
    live.filter((member) => !removed.includes(member)).filter(isChosenBy(policy)),
    policy?.sortPolicy,
  ).filter((member) => member.kind === 'VirtualMachine' && !isOfRevision(member, pool, situation.revision));
  const isProactive = strategy?.opportunistic === undefined;
  const unavailable = live.filter((member) => !isSettled(member)).length;
  let room = isProactive ? Math.max(0, mostUnavailable(pool) - unavailable) : Infinity;
  const chosen: VirtualMachine[] = [];
  for (const member of outdated) {
    assert(member.kind === 'VirtualMachine', "a pool's machines are VirtualMachines");
    if (isReady(member) && room <= 0) continue;
    if (isReady(member)) room -= 1;
    chosen.push(member);
  }
  return chosen.slice(0, BURST);
}

/** At least one, as upstream has it: a pool that may never change anything would never be done. */
function mostUnavailable({ spec }: VirtualMachinePool): number {
  const { maxUnavailable = '100%', replicas = 1 } = spec;
  const count =
    typeof maxUnavailable === 'number'
      ? maxUnavailable
      : Math.floor((replicas * Number(maxUnavailable.slice(0, -1))) / 100);
  return Math.max(1, count);
}

function isChosenBy(policy: SelectionPolicy | undefined): (member: SetMember) => boolean {
  const selector = policy?.selectors?.labelSelector;
  return ({ metadata }) => selector === undefined || selects(selector, metadata.labels ?? {});
}

/** Without a policy, what does not work comes first, then what is newest. */
function inOrder(
  { fraction }: SetSituation,
  members: readonly SetMember[],
  policy: SortPolicy | undefined,
): SetMember[] {
  const rank = (member: SetMember): number => {
    const made = parseTime(member.metadata.creationTimestamp);
    switch (policy) {
      case 'AscendingOrder':
        return indexOf(member.metadata.name);
      case 'DescendingOrder':
        return -indexOf(member.metadata.name);
      case 'Newest':
        return -made;
      case 'Oldest':
        return made;
      case 'Random':
        return fraction();
      case undefined:
        return isReady(member) ? 1 : 0;
    }
  };
  const ranked = members.map((member) => ({
    member,
    rank: rank(member),
    index: indexOf(member.metadata.name),
  }));
  ranked.sort((a, b) => a.rank - b.rank || b.index - a.index);
  return ranked.map(({ member }) => member);
}
