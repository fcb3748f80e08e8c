import { compare } from './compare.ts';
import type { FieldPath, FieldSet } from './field-set.ts';
import {
  NO_FIELDS,
  difference,
  hasPath,
  intersection,
  isEmpty,
  pathsOf,
  setOf,
  union,
  without,
} from './field-set.ts';
import type { FieldType } from './field-type.ts';
import { fieldsOf, withNamedFields } from './fields-of.ts';
import type { Manager } from './managers.ts';
import { capUpdaters, isSame } from './managers.ts';
import { merge } from './merge.ts';
import { removeFields } from './remove.ts';

/** Server-side apply, as Kubernetes' structured-merge-diff has it: who owns which fields after a write. */

export type Content = Readonly<Record<string, unknown>>;

/** Who writes, and what of the object its write leaves as it is (a resource's status, a status's resource). */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
  readonly ignored: FieldSet;
}

export interface Conflict {
  readonly manager: Manager;
  readonly path: FieldPath;
}

const SET_BY_SERVER =
  'name namespace creationTimestamp selfLink uid generation resourceVersion managedFields'.split(' ');
/** Fields that nobody owns: they say which object it is, or the server sets them (`stripMeta` upstream). */
const UNOWNED: FieldSet = setOf([
  ...['apiVersion', 'kind', 'metadata'].map((name) => [`f:${name}`]),
  ...SET_BY_SERVER.map((name) => ['f:metadata', `f:${name}`]),
]);

/** Who managed what before an object's first apply, where nobody had been noted. */
export const BEFORE_FIRST_APPLY = 'before-first-apply';

/** The managers after an object was written as a whole: what is new or other is the writer's, and nobody else's. */
export function trackUpdate(
  type: FieldType,
  before: Content,
  after: Content,
  managers: readonly Manager[],
  writer: Writer,
): Manager[] {
  const { manager, apiVersion, subresource, time, ignored } = writer;
  const found = compare(type, before, after);
  const changed = without(union(found.added, found.modified), ignored);
  const removed = without(found.removed, ignored);
  const own = difference(changed, UNOWNED);
  const entry: Manager = { manager, operation: 'Update', apiVersion, subresource, time, fields: own };
  const left = managers.flatMap((each) => {
    if (isSame(each, entry)) return [];
    return owning({ ...each, fields: difference(difference(each.fields, changed), removed) });
  });
  const known = managers.find((each) => isSame(each, entry));
  const fields = difference(difference(union(known?.fields ?? NO_FIELDS, own), removed), UNOWNED);
  const mine = isEmpty(own) && known !== undefined ? { ...known, fields } : { ...entry, fields };
  return capUpdaters([...left, ...owning(mine)]);
}

interface Applied {
  readonly content: Content;
  readonly managers: readonly Manager[];
}

/**
 * What comes of applying a configuration: it is merged, what its manager applied before and does not any more is
 * taken away unless another owns it, and whose fields it would change is a conflict unless `force` is given.
 * @throws ListItemError
 */
export function applyConfiguration(
  type: FieldType,
  live: Content,
  configuration: Content,
  managers: readonly Manager[],
  writer: Writer,
  options: { readonly force: boolean; readonly allowed?: FieldSet },
): Applied | { readonly conflicts: readonly Conflict[] } {
  const { manager, apiVersion, subresource, time, ignored } = writer;
  const fields = without(fieldsOf(type, configuration), ignored);
  const entry: Manager = { manager, operation: 'Apply', apiVersion, subresource, time, fields };
  const others = managers.filter((each) => !isSame(each, entry));
  const before = managers.find((each) => isSame(each, entry));
  const merged = merge(type, live, configuration) as Content;
  const content = prune(type, merged, [...others, entry], before?.fields ?? NO_FIELDS);

  const found = compare(type, live, content);
  const changed = without(union(found.added, found.modified), ignored);
  const removed = without(found.removed, ignored);
  const conflicts = others.flatMap((other) => {
    return pathsOf(intersection(other.fields, changed)).map((path): Conflict => ({ manager: other, path }));
  });
  const { force, allowed = NO_FIELDS } = options;
  const refused = force ? [] : conflicts.filter(({ path }) => !hasPath(allowed, path));
  if (refused.length > 0) return { conflicts: refused };
  const left = others.flatMap((each) => {
    return owning({ ...each, fields: difference(difference(each.fields, changed), removed) });
  });
  const mine = { ...entry, fields: difference(fields, UNOWNED) };
  return { content, managers: [...left, ...owning(mine)] };
}

/** What is merged without what was applied before and is nobody's now. */
function prune(type: FieldType, merged: Content, managers: readonly Manager[], before: FieldSet): Content {
  if (isEmpty(before)) return merged;
  const named = (set: FieldSet) => withNamedFields(type, set);
  const rest = removeFields(type, merged, named(before)) as Content;
  const all = named(fieldsOf(type, merged));
  const owned = named(managers.map(({ fields }) => fields).reduce(union, NO_FIELDS));
  const kept = union(named(fieldsOf(type, rest)), owned);
  const pruned = removeFields(type, merged, difference(all, kept)) as Content;
  // Items that went with the list that they were in, and were never applied by this manager, stay.
  const gone = intersection(difference(all, named(fieldsOf(type, pruned))), named(before));
  return removeFields(type, merged, gone) as Content;
}

function owning(manager: Manager): Manager[] {
  return isEmpty(manager.fields) ? [] : [manager];
}
