/**
 * A set of fields, as `metadata.managedFields` keeps who manages what (meta/v1 FieldsV1, structured-merge-diff's
 * `fieldpath`): a tree of path elements, of which some are members.
 */

/**
 * One step of a path in the form that FieldsV1 has it: `f:NAME` a field, `k:{"name":"a"}` the item of a list with these
 * keys, `v:"a"` the item of a set.
 */
export type PathElement = string;
export type FieldPath = readonly PathElement[];

export interface FieldSet {
  /** Whether the field itself is in the set, beside what is inside of it. */
  readonly isMember: boolean;
  readonly children: ReadonlyMap<PathElement, FieldSet>;
}

/** FieldsV1 as it is in JSON. */
export interface Fields {
  readonly [element: string]: Fields;
}

export const NO_FIELDS: FieldSet = { isMember: false, children: new Map() };
const SELF = '.';

export function isEmpty(set: FieldSet): boolean {
  return !set.isMember && set.children.size === 0;
}

export function setOf(paths: Iterable<FieldPath>): FieldSet {
  interface Draft {
    isMember: boolean;
    readonly children: Map<PathElement, Draft>;
  }
  const root: Draft = { isMember: false, children: new Map() };
  for (const path of paths) {
    let at = root;
    for (const element of path) {
      const next = at.children.get(element) ?? { isMember: false, children: new Map() };
      at.children.set(element, next);
      at = next;
    }
    at.isMember = true;
  }
  return root;
}

export function hasPath(set: FieldSet, [element, ...rest]: FieldPath): boolean {
  if (element === undefined) return set.isMember;
  const child = set.children.get(element);
  return child !== undefined && hasPath(child, rest);
}

/** What is below an element. */
export function below(set: FieldSet, element: PathElement): FieldSet {
  return set.children.get(element) ?? NO_FIELDS;
}

export function union(one: FieldSet, other: FieldSet): FieldSet {
  if (isEmpty(one)) return other;
  if (isEmpty(other)) return one;
  return combine(one, other, (left, right) => left || right);
}

export function difference(one: FieldSet, other: FieldSet): FieldSet {
  if (isEmpty(other)) return one;
  return combine(one, other, (left, right) => left && !right);
}

export function intersection(one: FieldSet, other: FieldSet): FieldSet {
  return combine(one, other, (left, right) => left && right);
}

function combine(one: FieldSet, other: FieldSet, isIn: (left: boolean, right: boolean) => boolean): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const element of new Set([...one.children.keys(), ...other.children.keys()])) {
    const child = combine(below(one, element), below(other, element), isIn);
    if (!isEmpty(child)) children.set(element, child);
  }
  return { isMember: isIn(one.isMember, other.isMember), children };
}

/** A set without some fields and all that is inside of them. */
export function without(set: FieldSet, fields: FieldSet): FieldSet {
  if (fields.isMember) return NO_FIELDS;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const left = without(child, below(fields, element));
    if (!isEmpty(left)) children.set(element, left);
  }
  return { isMember: set.isMember, children };
}

/** Every member's path, in the order in which they are written. */
export function pathsOf(set: FieldSet): FieldPath[] {
  const inside = sorted(set).flatMap(([element, child]) => pathsOf(child).map((path) => [element, ...path]));
  return set.isMember ? [[], ...inside] : inside;
}

export function formatFields(set: FieldSet): Fields {
  const members = sorted(set).map(([element, child]) => {
    const inside = formatFields(child);
    return [element, child.isMember && child.children.size > 0 ? { [SELF]: {}, ...inside } : inside] as const;
  });
  return Object.fromEntries(members);
}

/** Reads FieldsV1, of which nothing is known yet; undefined where it is something else. */
export function parseFields(fields: unknown): FieldSet | undefined {
  const root = parseNode(fields);
  return root === undefined ? undefined : { ...root, isMember: false };
}

function parseNode(fields: unknown): FieldSet | undefined {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return undefined;
  const children = new Map<PathElement, FieldSet>();
  let isMember = true;
  for (const [element, inside] of Object.entries(fields)) {
    if (element === SELF) continue;
    isMember = Object.hasOwn(fields, SELF);
    const child = /^[fkvi]:/.test(element) ? parseNode(inside) : undefined;
    if (child === undefined) return undefined;
    children.set(element, child);
  }
  return { isMember, children };
}

/** A path as messages have it: `.spec.ports[name="http"].port`, `.metadata.finalizers[="a/b"]`. */
export function formatFieldPath(path: FieldPath): string {
  return path.map(formatElement).join('');
}

function formatElement(element: PathElement): string {
  const text = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${text}`;
    case 'k': {
      const keys = Object.entries(JSON.parse(text) as Record<string, unknown>);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${text}]`;
    default:
      return `[${text}]`;
  }
}

function sorted(set: FieldSet): [PathElement, FieldSet][] {
  return [...set.children].sort(([a], [b]) => (a < b ? -1 : 1));
}
