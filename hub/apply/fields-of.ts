import { isRecord } from '../../shared/base/record.ts';
import type { FieldPath, FieldSet } from './field-set.ts';
import { setOf } from './field-set.ts';
import type { FieldType } from './field-type.ts';
import { itemsOf, memberType, resolveType, typeBelow } from './field-type.ts';

/**
 * The fields that a value has: its leaves, and each item of a list; what applying it makes its author's.
 * @throws ListItemError
 */
export function fieldsOf(type: FieldType, value: unknown): FieldSet {
  const paths: FieldPath[] = [];
  const visit = (at: FieldType, given: unknown, path: FieldPath) => {
    const form = resolveType(at, given);
    if (form?.kind === 'map') {
      for (const [name, member] of Object.entries(given as object)) {
        const here = [...path, `f:${name}`];
        visit(memberType(form, name), member, here);
        const isHollow = member === null || (isRecord(member) && Object.keys(member).length === 0);
        if (isHollow || form.field(name) === undefined) paths.push(here);
      }
    } else if (form?.kind === 'list') {
      for (const [element, item] of itemsOf(form, given as unknown[])) {
        visit(form.element, item, [...path, element]);
        paths.push([...path, element]);
      }
    } else {
      paths.push(path);
    }
  };
  visit(type, value, []);
  return setOf(paths);
}

/** A set with each field that the schema names a member wherever anything inside of it is one. */
export function withNamedFields(type: FieldType, set: FieldSet): FieldSet {
  const isNamed = (element: string) =>
    type.kind === 'map' && element.startsWith('f:') && type.field(element.slice(2)) !== undefined;
  const children = [...set.children].map(([element, child]) => {
    const inside = withNamedFields(typeBelow(type, element), child);
    return [element, { ...inside, isMember: inside.isMember || isNamed(element) }] as const;
  });
  return { isMember: set.isMember, children: new Map(children) };
}
