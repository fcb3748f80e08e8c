import type { KindDefinition } from '../../../shared/model/kind.ts';
import type { Body } from './body.ts';
import type { ApiContext } from '../context.ts';
import type { ApiError } from '../errors.ts';
import { badRequest, invalid } from '../errors.ts';
import type { KindSchemas } from '../discovery/kind-schemas.ts';
import type { ResourcePath } from '../path.ts';
import type { UnknownField } from './prune.ts';
import type { Validation } from './write-options.ts';

/** What a client sent, without what its kind does not know. */
export interface Decoded {
  readonly value: unknown;
  /** What was dropped, where the client is to be warned of it. */
  readonly warnings: readonly string[];
}

/**
 * Decodes a whole object.
 * @throws ApiError 400 naming what is unknown or there twice, where that is to be refused
 */
export function decodeObject(
  { schemas }: ApiContext,
  { kind, version }: ResourcePath,
  body: Body,
  validation: Validation,
): Decoded {
  return settle(schemas, kind, body.value, body.duplicates, validation, (why, hints) => {
    const subject = `${kind.kind} in version "${version}" cannot be handled as a ${kind.kind}`;
    return badRequest(`${subject}: ${why}`, hints);
  });
}

/**
 * Decodes what came of a patch.
 * @throws ApiError 422, as `decodeObject`
 */
export function decodePatched(
  { schemas }: ApiContext,
  { kind }: ResourcePath,
  patched: unknown,
  duplicates: readonly string[],
  validation: Validation,
): Decoded {
  return settle(schemas, kind, patched, duplicates, validation, (why, hints) => {
    const message = `${JSON.stringify(JSON.stringify(patched))}: ${why}`;
    const cause = { field: 'patch', reason: 'FieldValueInvalid', message } as const;
    return invalid({ group: '', kind: '' }, '', [cause], hints);
  });
}

function settle(
  schemas: KindSchemas,
  kind: KindDefinition,
  given: unknown,
  duplicates: readonly string[],
  validation: Validation,
  refusal: (why: string, hints: readonly string[]) => ApiError,
): Decoded {
  const { value, unknown } = schemas.prune(kind, given);
  const errors = [...duplicates, ...unknown.map(({ field }) => `unknown field "${field}"`)];
  if (errors.length === 0 || validation === 'Ignore') return { value, warnings: [] };
  if (validation === 'Warn') return { value, warnings: errors };
  throw refusal(`strict decoding error: ${errors.join(', ')}`, hintsOf(unknown));
}

/** The words of the refusal are fixed; what is to be done about it goes beside it. */
export function hintsOf(unknown: readonly UnknownField[]): string[] {
  return unknown.map(({ field, hint }) => `${field}: ${hint}`);
}
