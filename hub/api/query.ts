import { timestamp } from '../../shared/model/schema.ts';
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

/** `90s`, `30m`, `12h`, `7d`: so long ago. */
const AGE = /^(\d{1,6})([smhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time of a URL's query, or how long ago it was, in milliseconds; undefined where it is left out or empty. */
export function parseMoment(query: URLSearchParams, name: string, nowMs: number): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  const [, count, unit = ''] = AGE.exec(text) ?? [];
  if (count !== undefined) return nowMs - Number(count) * (UNIT_MS[unit] ?? 0);
  if (timestamp.safeParse(text).success) return Date.parse(text);
  throw badRequest(
    `the query parameter ${name} must be a time such as 2026-03-01T22:00:00Z or an age such as 12h, not "${text}"`,
  );
}

/** Refuses parameters that would otherwise be taken to have had an effect. */
export function refuseOthers(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (known.includes(name)) continue;
    throw badRequest(`the query parameter ${name} is not known; known here: ${known.join(', ')}`);
  }
}

/** A truth of a URL's query, as Kubernetes reads it: `?watch`, `?watch=1` and `?watch=true` are the same. */
export function parseFlag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : text !== 'false' && text !== '0';
}

/** Whether a write is only to be tried; `values` are those of `dryRun`, of which there is but one. */
export function isDryRun(values: readonly string[]): boolean {
  const asked = values.filter((value) => value !== '');
  if (asked.some((value) => value !== 'All')) throw badRequest('dryRun must be "All" where it is given');
  return asked.length > 0;
}
