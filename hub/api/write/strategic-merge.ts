import { isRecord } from '../../../shared/base/record.ts';
import { isSameJson } from '../../../shared/base/same-json.ts';
import type { FieldType, ListType } from '../../apply/field-type.ts';
import { memberType } from '../../apply/field-type.ts';

/**
 * Strategic merge patches, as apimachinery's `util/strategicpatch` applies them: a merge patch in which lists that
 * have keys are merged item by item, and directives say what can't be said by values alone.
 */

/** Why a patch can't be applied. `isMalformed` where no object would take it. */
export class StrategicPatchError extends Error {
  readonly isMalformed: boolean;

  constructor(message: string, isMalformed: boolean) {
    super(message);
    this.isMalformed = isMalformed;
  }
}

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

type Members = Readonly<Record<string, unknown>>;

/** @throws StrategicPatchError */
export function strategicMerge(type: FieldType, original: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const base = isRecord(original) ? original : {};
  const { [DIRECTIVE]: directive, ...changes } = patch;
  switch (directive) {
    case undefined:
    case 'merge':
      return mergeMembers(type, base, changes);
    case 'replace':
      return mergeMembers(type, {}, changes);
    case 'delete':
      return {};
    default:
      throw new StrategicPatchError(`Unknown patch type: ${JSON.stringify(directive)}`, true);
  }
}

function mergeMembers(type: FieldType, original: Members, patch: Members): Members {
  const members = new Map(Object.entries(retained(original, patch)));
  const typeOf = (name: string): FieldType =>
    type.kind === 'map' ? memberType(type, name) : { kind: 'any' };
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    if (value === null) members.delete(name);
    else members.set(name, mergeMember(typeOf(name), members.get(name), value));
  }
  for (const [directive, list] of Object.entries(patch)) {
    const name = directive.slice(directive.indexOf('/') + 1);
    const current = members.get(name);
    if (directive.startsWith(DELETE_FROM_LIST) && Array.isArray(current)) {
      const gone = listOf(list, 'invalid patch format of primitive list');
      members.set(
        name,
        current.filter((item: unknown) => !gone.some((one) => isSameJson(one, item))),
      );
    }
  }
  for (const [directive, list] of Object.entries(patch)) {
    const name = directive.slice(directive.indexOf('/') + 1);
    const current = members.get(name);
    const listType = typeOf(name);
    if (!directive.startsWith(ELEMENT_ORDER) || !Array.isArray(current) || listType.kind !== 'list') continue;
    const order = listOf(list, 'invalid patch format of setElementOrder list');
    members.set(name, orderItems(listType, current as unknown[], order));
  }
  return Object.fromEntries(members);
}

function mergeMember(type: FieldType, original: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch) || type.kind !== 'list') return strategicMerge(type, original, patch);
  const items = patch as unknown[];
  const current = Array.isArray(original) ? (original as unknown[]) : [];
  if (type.relation === 'set') {
    return [...current, ...items.filter((item) => !current.some((one) => isSameJson(one, item)))];
  }
  return type.relation === 'map' ? mergeItems(type, current, items) : items;
}

function mergeItems(type: ListType, original: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const isReplaced = patch.some((item) => isRecord(item) && item[DIRECTIVE] === 'replace');
  const merged: unknown[] = isReplaced ? [] : [...original];
  for (const item of patch) {
    if (!isRecord(item)) {
      throw new StrategicPatchError('a list that is merged by keys holds objects only', true);
    }
    const { [DIRECTIVE]: directive, ...rest } = item;
    if (directive === 'replace' && Object.keys(rest).length === 0) continue;
    const key = keyOf(type, rest);
    const at = merged.findIndex((one) => isRecord(one) && isSameJson(keyOf(type, one), key));
    if (directive === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) {
      merged[at] = strategicMerge(type.element, merged[at], rest);
    } else {
      merged.push(strategicMerge(type.element, {}, rest));
    }
  }
  return merged;
}

function keyOf({ keys }: ListType, item: Members): unknown[] {
  return keys.map((key) => {
    if (item[key] !== undefined) return item[key];
    throw new StrategicPatchError(
      `map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`,
      false,
    );
  });
}

/** Items in the order given, those that it does not name where they were among the others. */
function orderItems(type: ListType, items: readonly unknown[], order: readonly unknown[]): unknown[] {
  const idOf = (item: unknown) => (type.relation === 'map' && isRecord(item) ? keyOf(type, item) : item);
  const placeOf = (item: unknown) => order.findIndex((one) => isSameJson(idOf(one), idOf(item)));
  const named = items.filter((item) => placeOf(item) >= 0).sort((a, b) => placeOf(a) - placeOf(b));
  return items.map((item) => (placeOf(item) >= 0 ? named.shift() : item));
}

function retained(original: Members, patch: Members): Members {
  const given = patch[RETAIN_KEYS];
  if (given === undefined) return original;
  const keys = listOf(given, 'invalid patch format of retainKeys');
  return Object.fromEntries(Object.entries(original).filter(([name]) => keys.includes(name)));
}

function listOf(value: unknown, refusal: string): unknown[] {
  if (!Array.isArray(value)) throw new StrategicPatchError(refusal, true);
  return value as unknown[];
}
