import { isRecord } from '../../shared/base/record.ts';
import type { FieldSet } from './field-set.ts';
import { below, isEmpty } from './field-set.ts';
import type { FieldType } from './field-type.ts';
import { itemElement, memberType, resolveType } from './field-type.ts';

/**
 * A value without some of its fields; what is left with nothing in it is null.
 * @throws ListItemError
 */
export function removeFields(type: FieldType, value: unknown, fields: FieldSet): unknown {
  if (isEmpty(fields)) return value;
  const form = resolveType(type, value);
  if (form?.kind === 'map' && isRecord(value)) {
    const members = Object.entries(value)
      .filter(([name]) => !below(fields, `f:${name}`).isMember)
      .map(([name, member]) => {
        return [name, removeFields(memberType(form, name), member, below(fields, `f:${name}`))] as const;
      });
    return members.length > 0 ? Object.fromEntries(members) : null;
  }
  if (form?.kind === 'list' && Array.isArray(value)) {
    const items = value.flatMap((item: unknown) => {
      const inside = below(fields, itemElement(form, item));
      return inside.isMember ? [] : [removeFields(form.element, item, inside)];
    });
    return items.length > 0 ? items : null;
  }
  return value;
}
