import { isRecord } from '../../shared/base/record.ts';
import type { PathElement } from './field-set.ts';
import { formatFieldPath } from './field-set.ts';
import type { FieldType, ListType } from './field-type.ts';
import { ListItemError, itemElement, itemsOf, memberType, resolveType } from './field-type.ts';

/**
 * What is there with what is applied put into it, field by field; nothing is taken away.
 * @throws ListItemError
 */
export function merge(type: FieldType, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live;
  const form = resolveType(type, applied);
  if (form?.kind === 'map' && isRecord(applied)) {
    const members = new Map<string, unknown>(isRecord(live) ? Object.entries(live) : []);
    for (const [name, value] of Object.entries(applied)) {
      members.set(name, merge(memberType(form, name), members.get(name), value));
    }
    return Object.fromEntries(members);
  }
  if (form?.kind === 'list') {
    return mergeLists(form, Array.isArray(live) ? (live as unknown[]) : [], applied as unknown[]);
  }
  return applied;
}

/**
 * Items that both have come in the order of those applied; those that only the live list has stay where they were
 * among them (structured-merge-diff's order, so that applying the same again changes nothing).
 */
function mergeLists(type: ListType, live: readonly unknown[], applied: readonly unknown[]): unknown[] {
  const liveItems = itemsOf(type, live);
  const appliedItems = itemsOf(type, applied);
  refuseTwins(type, applied);
  const left = [...liveItems.keys()];
  const right = [...appliedItems.keys()];
  const shared = right.filter((element) => liveItems.has(element));
  const taken = new Set<PathElement>();
  const merged: unknown[] = [];
  const take = (element: PathElement) => {
    taken.add(element);
    if (shared[0] === element) shared.shift();
    merged.push(merge(type.element, liveItems.get(element), appliedItems.get(element)));
  };

  let rightAt = 0;
  for (const element of left) {
    if (!appliedItems.has(element)) {
      merged.push(liveItems.get(element));
      continue;
    }
    // One that is to come later, in its place among those applied.
    if (taken.has(element) || shared[0] !== element) continue;
    for (let next = right[rightAt]; next !== undefined && !taken.has(element); next = right[rightAt]) {
      take(next);
      rightAt += 1;
    }
  }
  for (const element of right.slice(rightAt)) take(element);
  return merged;
}

function refuseTwins(type: ListType, applied: readonly unknown[]): void {
  const seen = new Set<PathElement>();
  for (const item of applied) {
    const element = itemElement(type, item);
    if (seen.has(element)) throw new ListItemError(`duplicate entries for key ${formatFieldPath([element])}`);
    seen.add(element);
  }
}
