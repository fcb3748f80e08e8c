import type { RawBuilder } from 'kysely';
import { sql } from 'kysely';
import type { ObjectRow } from '../ports.ts';

/** That a row's object comes after a place. As a pair, which SQLite and PostgreSQL both look up in an index. */
export function isAfter({ namespace, name }: Pick<ObjectRow, 'namespace' | 'name'>): RawBuilder<boolean> {
  return sql<boolean>`(namespace, name) > (${namespace}, ${name})`;
}
