import { isRecord } from '../../shared/base/record.ts';
import type { FieldSet } from './field-set.ts';
import { formatFields, isEmpty, parseFields, union } from './field-set.ts';

/** One of an object's `metadata.managedFields`: who last wrote which of its fields, and how. */
export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** Whole seconds, as in `creationTimestamp`. */
  readonly time?: string;
  /** Empty where it was the object itself that was written. */
  readonly subresource: string;
  readonly fields: FieldSet;
}

/** As in Kubernetes: what more of them wrote is put together, the oldest first. */
const MOST_UPDATERS = 10;
const ANCIENT = 'ancient-changes';

/** Whether two entries are of the same manager. One who applies is the same in whatever version it does. */
export function isSame(one: Manager, other: Manager): boolean {
  return (
    one.manager === other.manager &&
    one.operation === other.operation &&
    one.subresource === other.subresource &&
    (one.operation === 'Apply' || one.apiVersion === other.apiVersion)
  );
}

/** Reads `metadata.managedFields`; undefined where it is not well formed. */
export function parseManagers(entries: unknown): Manager[] | undefined {
  if (!Array.isArray(entries)) return undefined;
  const managers = entries.map(parseManager);
  return managers.every((manager) => manager !== undefined) ? managers : undefined;
}

function parseManager(entry: unknown): Manager | undefined {
  if (!isRecord(entry)) return undefined;
  const { manager = '', operation, apiVersion, time, subresource = '', fieldsType, fieldsV1 = {} } = entry;
  const fields = parseFields(fieldsV1);
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (typeof manager !== 'string' || typeof subresource !== 'string' || fields === undefined)
    return undefined;
  if (typeof apiVersion !== 'string' || apiVersion === '' || fieldsType !== 'FieldsV1') return undefined;
  return { manager, operation, apiVersion, subresource, fields, ...(typeof time === 'string' && { time }) };
}

/** As `metadata.managedFields` is written; undefined where there are none. */
export function formatManagers(managers: readonly Manager[]): unknown[] | undefined {
  const kept = managers.filter(({ fields }) => !isEmpty(fields)).sort(compareManagers);
  if (kept.length === 0) return undefined;
  return kept.map(({ manager, operation, apiVersion, time, subresource, fields }) => ({
    manager,
    operation,
    apiVersion,
    ...(time !== undefined && { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: formatFields(fields),
    ...(subresource !== '' && { subresource }),
  }));
}

function compareManagers(one: Manager, other: Manager): number {
  for (const key of ['operation', 'time', 'manager', 'apiVersion', 'subresource'] as const) {
    const [left = '', right = ''] = [one[key], other[key]];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** The managers with the oldest of those that update put into one, where there are too many. */
export function capUpdaters(managers: readonly Manager[]): Manager[] {
  const updaters = managers.filter(({ operation }) => operation === 'Update').sort(compareManagers);
  const excess = updaters.length - MOST_UPDATERS;
  if (excess <= 0) return [...managers];
  const old = updaters.slice(0, excess + 1);
  const [first] = old;
  if (first === undefined) return [...managers];
  const newest = old.at(-1)?.time;
  const ancient: Manager = {
    manager: ANCIENT,
    operation: 'Update',
    apiVersion: first.apiVersion,
    subresource: '',
    ...(newest !== undefined && { time: newest }),
    fields: old.map(({ fields }) => fields).reduce(union),
  };
  return [...managers.filter((manager) => !old.includes(manager)), ancient];
}
