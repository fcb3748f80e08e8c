import { isSameJson } from '../../shared/base/same-json.ts';
import { isRecord } from '../../shared/base/record.ts';
import type { FieldPath, FieldSet } from './field-set.ts';
import { setOf } from './field-set.ts';
import type { FieldType, ListType, MapType } from './field-type.ts';
import { itemsOf, memberType, resolveType } from './field-type.ts';

/** How two values differ, by fields; none is in two of the sets. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** @throws ListItemError */
export function compare(type: FieldType, before: unknown, after: unknown): Comparison {
  const added: FieldPath[] = [];
  const modified: FieldPath[] = [];
  const removed: FieldPath[] = [];

  function visit(at: FieldType, left: unknown, right: unknown, path: FieldPath): void {
    if (left !== undefined && right !== undefined && isSameJson(left, right)) return;
    const form = resolveType(at, right ?? left);
    const sides = [left, right].filter((side) => side !== undefined && side !== null);
    const isAlike = form !== undefined && sides.every((side) => resolveType(at, side)?.kind === form.kind);
    // An empty object or list is as much a value as one with something in it.
    const isHollow = sides.every((side) => Object.keys(side as object).length === 0);
    if (isAlike && !isHollow) {
      for (const [element, inside, one, other] of pairs(form, left ?? undefined, right ?? undefined)) {
        visit(inside, one, other, [...path, element]);
      }
    } else if (left !== undefined && right !== undefined) {
      modified.push(path);
    }
    if (left === undefined) added.push(path);
    else if (right === undefined) removed.push(path);
  }

  visit(type, before, after, []);
  return { added: setOf(added), modified: setOf(modified), removed: setOf(removed) };
}

type Pair = readonly [element: string, type: FieldType, left: unknown, right: unknown];

function pairs(form: MapType | ListType, left: unknown, right: unknown): Pair[] {
  if (form.kind === 'list') {
    const [one, other] = [left, right].map((side) => itemsOf(form, (side ?? []) as unknown[]));
    const elements = new Set([...(one?.keys() ?? []), ...(other?.keys() ?? [])]);
    return [...elements].map((element) => [element, form.element, one?.get(element), other?.get(element)]);
  }
  const [one, other] = [asRecord(left), asRecord(right)];
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].map((name) => [`f:${name}`, memberType(form, name), own(one, name), own(other, name)]);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

/** Not what every object has by a name such as `constructor`. */
function own(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
