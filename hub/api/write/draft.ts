import type { ResourceObject } from '../../../shared/model/kind.ts';
import { apiVersionOf } from '../../../shared/model/kind.ts';
import { validate } from '../../../shared/model/validate.ts';
import { isRecord } from '../../../shared/base/record.ts';
import { badRequest, invalid } from '../errors.ts';
import type { ResourcePath } from '../path.ts';

/** An object as a client sent it: of the right kind and in the right place, and otherwise unchecked. */
export interface Draft extends Readonly<Record<string, unknown>> {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Checks that a body is an object for this path.
 * @throws ApiError 400 where it is something else, or for somewhere else
 */
export function parseDraft(path: ResourcePath & { readonly name?: string }, body: unknown): Draft {
  if (!isRecord(body)) throw badRequest('the body of the request must be one object');
  // Typed clients leave out what the URL says already.
  const expected = apiVersionOf(path.kind, path.version);
  const { apiVersion = expected, kind = path.kind.kind, metadata = {} } = body;
  if (apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${show(apiVersion)}) does not match the expected API version (${expected})`,
    );
  }
  if (kind !== path.kind.kind) {
    throw badRequest(
      `the kind in the data (${show(kind)}) does not match the expected kind (${path.kind.kind})`,
    );
  }
  if (!isRecord(metadata)) throw badRequest('metadata must be an object');
  const namespace = metadata['namespace'] ?? '';
  if (namespace !== '' && namespace !== (path.namespace ?? '')) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (path.name !== undefined && metadata['name'] !== path.name) {
    throw badRequest(
      `the name of the object (${show(metadata['name'])}) does not match the name on the URL (${path.name})`,
    );
  }
  return { ...body, apiVersion, kind, metadata };
}

/** A draft and where it goes in the form of the kind that is kept, where their own is a view of that. */
export function asStored<Path extends ResourcePath>(
  path: Path,
  draft: Draft,
): { readonly path: Path; readonly draft: Draft } {
  const { view } = path.kind;
  if (view?.write === undefined) return { path, draft };
  const written = Object.entries(view.write(draft)).filter(([, member]) => member !== undefined);
  return {
    path: { ...path, kind: view.of, version: view.of.versions[0] },
    draft: { ...Object.fromEntries(written), metadata: draft.metadata },
  };
}

/**
 * The draft with `metadata` in place of its own and without a status, checked against its kind's schema.
 * @throws ApiError 422 naming every field that is wrong
 */
export function checkDraft(path: ResourcePath, draft: Draft, metadata: Draft['metadata']): ResourceObject {
  const { status, ...rest } = draft;
  const content = path.kind.statusSubresource ? rest : draft;
  return checkObject(path, { ...content, metadata });
}

/** An object that fits its kind's schema, in the version that is stored; @throws ApiError 422 */
export function checkObject(path: ResourcePath, input: Draft): ResourceObject {
  const checked = validate(path.kind.schema, input);
  if (!checked.ok) throw invalid(path.kind, show(input.metadata['name'], ''), checked.causes);
  return { ...withoutNulls(checked.value), apiVersion: apiVersionOf(path.kind) };
}

/** An object with what its kind adds to what its author wrote. */
export function completeObject({ kind }: ResourcePath, object: ResourceObject): ResourceObject {
  return kind.complete?.(object) ?? object;
}

/** Null means what absence means, and clients send it for either; stored objects have the one form of it. */
function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (!isRecord(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)])) as T;
}

function show(value: unknown, absent = 'none'): string {
  if (value === undefined || value === null) return absent;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
