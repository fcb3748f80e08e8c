import { isSameJson } from './same-json.ts';

/** One place where two descriptions differ. */
export interface FieldChange {
  /** Members by name; `[NAME]` is the entry of a list that has this `name`. */
  readonly path: readonly string[];
  /** What is to be there; undefined for nothing. */
  readonly value: unknown;
}

/** Where `wanted` differs from `running`, as deep as it can be told; entries of lists are known by their `name`. */
export function findChanges(running: unknown, wanted: unknown, path: readonly string[] = []): FieldChange[] {
  if (isSameJson(running, wanted)) return [];
  const [before, after] = [readNamed(running), readNamed(wanted)];
  if (before !== undefined && after !== undefined) return findListChanges(before, after, wanted, path);
  const [left, right] = [readObject(running), readObject(wanted)];
  if (left === undefined || right === undefined) return [{ path, value: wanted }];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  // An empty object says something by being there.
  if (keys.length === 0) return [{ path, value: wanted }];
  return keys.flatMap((key) => findChanges(left[key], right[key], [...path, key]));
}

function findListChanges(
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
  wanted: unknown,
  path: readonly string[],
): FieldChange[] {
  const stayed = [...before.keys()].filter((name) => after.has(name));
  const isReordered = !isSameJson(
    stayed,
    [...after.keys()].filter((name) => before.has(name)),
  );
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const within = names.flatMap((name) => {
    const place = [...path, `[${name}]`];
    const isWhole = !before.has(name) || !after.has(name);
    return isWhole
      ? [{ path: place, value: after.get(name) }]
      : findChanges(before.get(name), after.get(name), place);
  });
  return isReordered ? [{ path, value: wanted }, ...within] : within;
}

/** `target` with one change made to it. */
export function applyChange(target: unknown, { path, value }: FieldChange): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (!step.startsWith('[')) {
    const members = readObject(target) ?? {};
    const changed = applyChange(members[step], { path: rest, value });
    const { [step]: _before, ...others } = members;
    return changed === undefined ? others : { ...members, [step]: changed };
  }
  const list: readonly unknown[] = Array.isArray(target) ? target : [];
  const index = list.findIndex((entry) => `[${nameOf(entry)}]` === step);
  const changed = applyChange(list[index], { path: rest, value });
  if (index < 0) return changed === undefined ? list : [...list, changed];
  return list.flatMap((entry, at) => (at !== index ? [entry] : changed === undefined ? [] : [changed]));
}

/** Whether one place is the other, or within it. */
export function overlaps(path: readonly string[], other: readonly string[]): boolean {
  return path.every((step, index) => index >= other.length || other[index] === step);
}

/** A change's place as a field's path: `spec.volumes[root].dataVolume`. */
export function formatPath(prefix: string, { path }: FieldChange): string {
  return path.reduce((text, step) => (step.startsWith('[') ? `${text}${step}` : `${text}.${step}`), prefix);
}

/** The entries of a list by name, in their order; what is not there is an empty list. */
function readNamed(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (!Array.isArray(value)) return value === undefined ? new Map() : undefined;
  const entries = new Map(value.map((entry) => [nameOf(entry), entry]));
  return entries.size === value.length && !entries.has(undefined)
    ? (entries as Map<string, unknown>)
    : undefined;
}

function nameOf(entry: unknown): string | undefined {
  const name = readObject(entry)?.name;
  return typeof name === 'string' ? name : undefined;
}

/** What is not there is an object without members. */
function readObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined) return {};
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}
