import type { z } from 'zod';
import { canonicalJson } from '../../shared/base/canonical-json.ts';
import { isRecord } from '../../shared/base/record.ts';
import type { Form } from '../../shared/model/form.ts';
import { formOf } from '../../shared/model/form.ts';
import type { PathElement } from './field-set.ts';

/** How the values of a field are merged: what of a kind's schema server-side apply goes by. */
export type FieldType =
  /** Fields by name; `field` is undefined for a name that the schema does not list, which is an `element`. */
  | {
      readonly kind: 'map';
      readonly isAtomic: boolean;
      readonly field: (name: string) => FieldType | undefined;
      readonly element: FieldType;
    }
  /** `map`: items are known by their `keys`; `set`: by their value; `atomic`: the list is one value. */
  | {
      readonly kind: 'list';
      readonly relation: 'atomic' | 'set' | 'map';
      readonly keys: readonly string[];
      readonly element: FieldType;
    }
  | { readonly kind: 'choice'; readonly options: readonly FieldType[] }
  /** A scalar, or what the schema says nothing of: then an object is merged, and a list is one value. */
  | { readonly kind: 'any' };

const ANY: FieldType = { kind: 'any' };
const UNTYPED_MAP: MapType = { kind: 'map', isAtomic: false, field: () => undefined, element: ANY };

/** The types of schemas, each made when it is first asked for. */
export function createFieldTypes(): (schema: z.core.$ZodType) => FieldType {
  const made = new Map<z.core.$ZodType, FieldType>();
  function typeOf(schema: z.core.$ZodType): FieldType {
    const known = made.get(schema);
    if (known !== undefined) return known;
    const type = compileType(formOf(schema), typeOf);
    made.set(schema, type);
    return type;
  }
  return typeOf;
}

function compileType(form: Form, typeOf: (schema: z.core.$ZodType) => FieldType): FieldType {
  switch (form.form) {
    case 'object':
      return {
        kind: 'map',
        isAtomic: form.isAtomic,
        element: ANY,
        field: (name) => {
          const member = Object.hasOwn(form.members, name) ? form.members[name] : undefined;
          return member === undefined ? undefined : typeOf(member);
        },
      };
    case 'map':
      return { kind: 'map', isAtomic: form.isAtomic, element: typeOf(form.element), field: () => undefined };
    case 'list':
      return { kind: 'list', relation: form.relation, keys: form.keys, element: typeOf(form.element) };
    case 'choice':
      return { kind: 'choice', options: form.options.map(typeOf) };
    case 'value':
      return ANY;
  }
}

export type MapType = Extract<FieldType, { kind: 'map' }>;
export type ListType = Extract<FieldType, { kind: 'list' }>;

/** The type whose fields or items a value has of its own; undefined where it is merged as one value. */
export function resolveType(type: FieldType, value: unknown): MapType | ListType | undefined {
  if (type.kind === 'choice') {
    return type.options.map((option) => resolveType(option, value)).find((found) => found !== undefined);
  }
  if (isRecord(value)) {
    if (type.kind === 'map') return type.isAtomic ? undefined : type;
    return type.kind === 'any' ? UNTYPED_MAP : undefined;
  }
  return Array.isArray(value) && type.kind === 'list' && type.relation !== 'atomic' ? type : undefined;
}

export function memberType(type: MapType, name: string): FieldType {
  return type.field(name) ?? type.element;
}

/** The type of what a path element leads to, where only paths are known. */
export function typeBelow(type: FieldType, element: PathElement): FieldType {
  switch (type.kind) {
    case 'map':
      return element.startsWith('f:') ? memberType(type, element.slice(2)) : ANY;
    case 'list':
      return type.element;
    case 'choice': {
      const kind = element.startsWith('f:') ? 'map' : 'list';
      const option = type.options.find((each) => each.kind === kind);
      return option === undefined ? ANY : typeBelow(option, element);
    }
    case 'any':
      return ANY;
  }
}

/** Why a list can't be merged: its items can't be told apart. */
export class ListItemError extends Error {}

/**
 * What tells an item of a list from the others.
 * @throws ListItemError
 */
export function itemElement({ relation, keys }: ListType, item: unknown): PathElement {
  if (relation === 'set') {
    if (typeof item === 'object') throw new ListItemError('a set may hold plain values only');
    return `v:${JSON.stringify(item)}`;
  }
  if (!isRecord(item)) throw new ListItemError('associative list with keys may not have non-map elements');
  const given = keys.filter((key) => item[key] !== undefined);
  if (given.length === 0) {
    const names = keys.map((key) => JSON.stringify(key)).join(' ');
    throw new ListItemError(
      `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
    );
  }
  return `k:${canonicalJson(Object.fromEntries(given.map((key) => [key, item[key]])))}`;
}

/** A list's items by what tells them apart; of several that are alike the first. */
export function itemsOf(type: ListType, list: readonly unknown[]): Map<PathElement, unknown> {
  const items = new Map<PathElement, unknown>();
  for (const item of list) {
    const element = itemElement(type, item);
    if (!items.has(element)) items.set(element, item);
  }
  return items;
}
