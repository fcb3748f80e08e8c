import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { ObjectRange } from '../ports.ts';

/**
 * That a row's object is in a range, in words by which SQLite and PostgreSQL find the first of them in the index of
 * kind, namespace and name: of one namespace by the name alone, and as a pair otherwise.
 */
export function isWithin({ namespace, after }: ObjectRange): RawBuilder<boolean> {
  if (namespace === undefined) {
    return after === undefined
      ? sql<boolean>`1 = 1`
      : sql<boolean>`(namespace, name) > (${after.namespace}, ${after.name})`;
  }
  return after === undefined
    ? sql<boolean>`namespace = ${namespace}`
    : sql<boolean>`namespace = ${namespace} and name > ${after.name}`;
}
