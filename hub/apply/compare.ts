import { isSameJson } from '../../shared/base/same-json.ts';
import { isRecord } from '../../shared/base/record.ts';
import type { FieldSet, PathElement } from './field-set.ts';
import { NO_FIELDS, isEmpty } from './field-set.ts';
import type { FieldType, ListType, MapType } from './field-type.ts';
import { itemsOf, memberType, resolveType } from './field-type.ts';

/** How two values differ, by fields; none is in two of the sets. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

const SAME: Comparison = { added: NO_FIELDS, modified: NO_FIELDS, removed: NO_FIELDS };
const LEAF: FieldSet = { isMember: true, children: new Map() };

/** @throws ListItemError */
export function compare(type: FieldType, before: unknown, after: unknown): Comparison {
  if (before === undefined) return after === undefined ? SAME : { ...SAME, added: wholeOf(type, after) };
  if (after === undefined) return { ...SAME, removed: wholeOf(type, before) };
  if (isSameJson(before, after)) return SAME;
  const form = resolveType(type, after ?? before);
  const sides = [before, after].filter((side) => side !== null);
  const isAlike = sides.every((side) => resolveType(type, side)?.kind === form?.kind);
  // An empty object or list is as much a value as one with something in it.
  const isHollow = sides.every((side) => Object.keys(side).length === 0);
  if (form === undefined || !isAlike || isHollow) return { ...SAME, modified: LEAF };
  const left = membersOf(form, before);
  const right = membersOf(form, after);
  const found = [...new Set([...left.keys(), ...right.keys()])].map((element) => {
    const inside = form.kind === 'list' ? form.element : memberType(form, element.slice(2));
    return [element, compare(inside, left.get(element), right.get(element))] as const;
  });
  const gather = (what: keyof Comparison): FieldSet => {
    const children = found.map(([element, one]) => [element, one[what]] as const);
    return { isMember: false, children: new Map(children.filter(([, set]) => !isEmpty(set))) };
  };
  return { added: gather('added'), modified: gather('modified'), removed: gather('removed') };
}

/** A value with all that is in it, down to what is merged as one. */
function wholeOf(type: FieldType, value: unknown): FieldSet {
  const form = resolveType(type, value);
  if (form === undefined) return LEAF;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, inside] of membersOf(form, value)) {
    const at = form.kind === 'list' ? form.element : memberType(form, element.slice(2));
    children.set(element, wholeOf(at, inside));
  }
  return { isMember: true, children };
}

/** The fields or items of a value by their path elements; none of null. Those that are undefined are not there. */
function membersOf(form: MapType | ListType, value: unknown): Map<PathElement, unknown> {
  if (form.kind === 'list') return itemsOf(form, Array.isArray(value) ? value : []);
  const members = isRecord(value) ? Object.entries(value) : [];
  const given = members.filter(([, member]) => member !== undefined);
  return new Map(given.map(([name, member]) => [`f:${name}`, member]));
}
