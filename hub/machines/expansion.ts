import { isRecord } from '../../shared/base/record.ts';

/**
 * A machine's spec while an instancetype and a preference fill it in: plain JSON, because they may give what only
 * another version of this hub, or nobody, can run. Each value that was filled in is remembered by where it came from.
 */
export interface Expansion {
  /** The instance's spec, as far as it is filled in. */
  readonly spec: Json;
  readonly fills: Fill[];
}

export type Json = Record<string, unknown>;

/** A value that was filled in: its path in the instance's spec, and the one that it has where it came from. */
export interface Fill {
  readonly target: string;
  readonly from: 'instancetype' | 'preference';
  readonly source: string;
}

export function createExpansion(spec: object): Expansion {
  return { spec: structuredClone(spec) as Json, fills: [] };
}

/** The value at a path such as `domain.devices.disks[0].cache`; undefined where there is none. */
export function findAt(spec: unknown, path: string): unknown {
  return stepsOf(path).reduce<unknown>((value, step) => {
    return isRecord(value) || Array.isArray(value) ? (value as Json)[step] : undefined;
  }, spec);
}

/** Puts a value in; objects on the way are made where they are not there. */
export function fillAt({ spec, fills }: Expansion, fill: Fill, value: unknown): void {
  const steps = stepsOf(fill.target);
  let at = spec;
  for (const step of steps.slice(0, -1)) {
    const next = at[step];
    const made = typeof next === 'object' && next !== null ? (next as Json) : {};
    at[step] = made;
    at = made;
  }
  at[steps.at(-1) ?? ''] = structuredClone(value);
  fills.push(fill);
}

/** The members of a list in the spec that are objects, each with its path. */
export function itemsAt(spec: unknown, path: string): { readonly item: Json; readonly path: string }[] {
  const list = findAt(spec, path);
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) =>
    isRecord(item) ? [{ item, path: `${path}[${index}]` }] : [],
  );
}

function stepsOf(path: string): string[] {
  return path.split(/[.[\]]+/).filter((step) => step !== '');
}
