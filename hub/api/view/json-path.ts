/**
 * The JSONPath that printer columns are written in, a subset of `kubectl`'s: `.a.b`, `.a\.b` (a name with a dot),
 * `['a']`, `[0]`, `[-1]`, `[*]` and `[?(@.a=="b")]`.
 */
export type JsonPath = (value: unknown) => unknown[];

type Step = (value: unknown) => unknown[];

const NAME = /^\.((?:\\.|[^.[\]\\])+)/;
const QUOTED = /^\[(?:'([^']*)'|"([^"]*)")\]/;
const INDEX = /^\[(-?\d+)\]/;
const EVERY = /^\[\*\]/;
const FILTER = /^\[\?\(@((?:\.(?:\\.|[^.[\]\\=!\s])+)+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)')\)\]/;

/** @throws Error where the path is not of the subset: paths are part of the program, so that is a bug */
export function compileJsonPath(text: string): JsonPath {
  const steps: Step[] = [];
  for (let rest = text; rest !== '';) {
    const { step, length } = readStep(rest, text);
    steps.push(step);
    rest = rest.slice(length);
  }
  return (value) => {
    let found: unknown[] = [value];
    for (const step of steps) found = found.flatMap(step);
    return found;
  };
}

function readStep(rest: string, text: string): { step: Step; length: number } {
  const name = NAME.exec(rest);
  if (name !== null)
    return { step: memberStep((name[1] ?? '').replaceAll(/\\(.)/g, '$1')), length: name[0].length };
  const quoted = QUOTED.exec(rest);
  if (quoted !== null) return { step: memberStep(quoted[1] ?? quoted[2] ?? ''), length: quoted[0].length };
  const index = INDEX.exec(rest);
  if (index !== null) return { step: indexStep(Number(index[1])), length: index[0].length };
  const every = EVERY.exec(rest);
  if (every !== null) return { step: childrenOf, length: every[0].length };
  const filter = FILTER.exec(rest);
  if (filter !== null) {
    const [whole, path = '', operator, double, single] = filter;
    return { step: filterStep(path, operator === '==', double ?? single ?? ''), length: whole.length };
  }
  throw new Error(`bug: the JSONPath ${text} can't be read from "${rest}" on`);
}

function memberStep(name: string): Step {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    const member = Object.entries(value).find(([key]) => key === name);
    return member === undefined || member[1] === undefined ? [] : [member[1]];
  };
}

function indexStep(index: number): Step {
  return (value) => {
    const item: unknown = Array.isArray(value) ? value.at(index) : undefined;
    return item === undefined ? [] : [item];
  };
}

function filterStep(path: string, equal: boolean, wanted: string): Step {
  const find = compileJsonPath(path);
  return (value) =>
    childrenOf(value).filter((item) => find(item).some((found) => String(found) === wanted) === equal);
}

function childrenOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
