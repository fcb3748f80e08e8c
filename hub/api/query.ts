import { badRequest } from './errors.ts';

/** A whole number of a URL's query; undefined where it is left out or empty. */
export function parseCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) {
    throw badRequest(`the query parameter ${name} must be a whole number, not "${text}"`);
  }
  return count;
}

/** A truth of a URL's query, as Kubernetes reads it: `?watch`, `?watch=1` and `?watch=true` are the same. */
export function parseFlag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : text !== 'false' && text !== '0';
}

/** Whether a write is only to be tried. Also checks `fieldValidation`, which changes nothing: checks are strict. */
export function parseDryRun(query: URLSearchParams): boolean {
  const validation = query.get('fieldValidation') ?? '';
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(validation)) {
    throw badRequest(`fieldValidation must be Ignore, Warn or Strict, not "${validation}"`);
  }
  return isDryRun(query.getAll('dryRun'));
}

export function isDryRun(values: readonly string[]): boolean {
  const asked = values.filter((value) => value !== '');
  if (asked.some((value) => value !== 'All')) throw badRequest('dryRun must be "All" where it is given');
  return asked.length > 0;
}
