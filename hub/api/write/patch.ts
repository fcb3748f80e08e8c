import type { Operation } from 'rfc6902';
import { Pointer, applyPatch } from 'rfc6902';
import { z } from 'zod';
import { isRecord } from '../../../shared/base/record.ts';
import { messageOf } from '../../../shared/base/errors.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { apiVersionOf, showAs } from '../../../shared/model/kind.ts';
import type { Answer } from '../answer.ts';
import { objectAnswer } from '../answer.ts';
import { apply } from './apply.ts';
import { readJson } from './body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { decodePatched } from './decode.ts';
import { asStored, parseDraft } from './draft.ts';
import { ApiError, badRequest, notFound, warningToo } from '../errors.ts';
import { subresourceOf } from './field-managers.ts';
import type { ObjectPath } from '../path.ts';
import { keyOf } from '../path.ts';
import { StrategicPatchError, strategicMerge } from './strategic-merge.ts';
import { replace } from './update.ts';
import { APPLY, STRATEGIC, parseWriteOptions, patchTypesOf, unknownFormat } from './write-options.ts';

/** The change that a patch makes of an object; it may throw an ApiError. */
export interface Patch {
  readonly change: (object: ResourceObject) => unknown;
  /** What the patch has twice. */
  readonly duplicates: readonly string[];
}

const MOST_OPERATIONS = 10_000;

const operations = z.array(
  z.looseObject({
    op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
    path: z.string(),
    from: z.string().optional(),
  }),
);

export async function patch(context: ApiContext, path: ObjectPath, request: ApiRequest): Promise<Answer> {
  if (!patchTypesOf(path.kind).includes(request.contentType)) throw unknownFormat(patchTypesOf(path.kind));
  const options = parseWriteOptions(request, 'PatchOptions');
  if (request.contentType === APPLY) return apply(context, path, request, options);
  const { change, duplicates } = parsePatch(context, path, request);
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) throw notFound(path.kind, path.name);
    const shown = showAs(path.kind, current);
    const patched = change({ ...shown, apiVersion: apiVersionOf(path.kind, path.version) });
    const decoded = decodePatched(context, path, patched, duplicates, options.validation);
    const { path: place, draft } = asStored(path, parseDraft(path, decoded.value));
    const author = { ...options, version: place.version, subresource: subresourceOf(place) };
    const replacement = { current, draft, dryRun: options.dryRun, author };
    const written = await warningToo(decoded.warnings, () => replace(context, tables, place, replacement));
    return objectAnswer(written.object, { warnings: [...decoded.warnings, ...written.warnings] });
  });
}

/** @throws ApiError 400, 413, 415 */
export function parsePatch(context: ApiContext, { kind }: ObjectPath, request: ApiRequest): Patch {
  switch (request.contentType) {
    case 'application/merge-patch+json':
      return parseMergePatch(request.body);
    case 'application/json-patch+json':
      return parseJsonPatch(request.body);
    case STRATEGIC:
      return parseStrategicPatch(context, kind, request.body);
    default:
      throw unknownFormat(patchTypesOf(kind).filter((type) => type !== APPLY));
  }
}

/** RFC 7396. */
function parseMergePatch(body: Uint8Array): Patch {
  const { value, duplicates } = readJson(body);
  if (!isRecord(value)) throw badRequest('error decoding patch: a merge patch must be one object');
  return { change: (object) => merge(object, value), duplicates };
}

function merge(target: unknown, change: unknown): unknown {
  if (!isRecord(change)) return change;
  const members = new Map<string, unknown>(isRecord(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) members.delete(name);
    else members.set(name, merge(members.get(name), value));
  }
  return Object.fromEntries(members);
}

function parseStrategicPatch({ schemas }: ApiContext, kind: ObjectPath['kind'], body: Uint8Array): Patch {
  const { value, duplicates } = readJson(body);
  if (!isRecord(value)) throw badRequest('error decoding patch: a strategic merge patch must be one object');
  const change = (object: ResourceObject) => {
    try {
      return strategicMerge(schemas.fieldType(kind), object, value);
    } catch (error) {
      if (!(error instanceof StrategicPatchError)) throw error;
      throw error.isMalformed ? badRequest(error.message) : cannotApply(error.message);
    }
  };
  return { change, duplicates };
}

/** RFC 6902. */
function parseJsonPatch(body: Uint8Array): Patch {
  const parsed = operations.safeParse(readJson(body).value);
  if (!parsed.success) {
    throw badRequest(`error decoding patch: not a list of operations: ${z.prettifyError(parsed.error)}`);
  }
  if (parsed.data.length > MOST_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MOST_OPERATIONS}, got ${parsed.data.length}`;
    throw new ApiError(413, 'RequestEntityTooLarge', message);
  }
  const change = (object: ResourceObject) => {
    const patched = structuredClone(object);
    let failed: unknown;
    try {
      // The library checks each operation for what it needs beside `op` and `path`.
      for (const operation of parsed.data as unknown as Operation[]) {
        if (isAbsenceTest(patched, operation)) continue;
        failed = applyPatch(patched, [operation]).find((result) => result !== null);
        if (failed !== undefined) break;
      }
    } catch (error) {
      failed = error;
    }
    if (failed === undefined) return patched;
    throw cannotApply(`the JSON patch can't be applied: ${messageOf(failed)}`);
  };
  return { change, duplicates: [] };
}

/**
 * Whether an operation tests that a member is null, and it is not there: to Kubernetes' API server, unlike to RFC 6902,
 * that is the same, and clients make sure so that they are the first to add a list.
 */
function isAbsenceTest(object: unknown, operation: Operation): boolean {
  if (operation.op !== 'test' || operation.value !== null) return false;
  const { parent, value } = Pointer.fromJSON(operation.path).evaluate(object);
  return isRecord(parent) && value === undefined;
}

/** In Kubernetes' words, which don't say why: that goes beside them. */
function cannotApply(why: string): ApiError {
  const message = 'the server rejected our request due to an error in our request';
  return new ApiError(422, 'Invalid', message, {}, { warnings: [why] });
}
