import type { Operation } from 'rfc6902';
import { applyPatch } from 'rfc6902';
import { z } from 'zod';
import { messageOf } from '../../shared/base/errors.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { apiVersionOf } from '../../shared/model/kind.ts';
import type { Answer } from './answer.ts';
import { objectAnswer } from './answer.ts';
import { parseJson } from './body.ts';
import { isRecord } from '../../shared/base/record.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { parseDraft } from './draft.ts';
import { ApiError, badRequest, notFound, unsupportedMediaType } from './errors.ts';
import type { ObjectPath } from './path.ts';
import { keyOf } from './path.ts';
import { parseDryRun } from './query.ts';
import { replace } from './update.ts';

export type Patch = (object: ResourceObject) => unknown;

const MOST_OPERATIONS = 10_000;

const operations = z
  .array(
    z.looseObject({
      op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
      path: z.string(),
      from: z.string().optional(),
    }),
  )
  .max(MOST_OPERATIONS);

export async function patch(context: ApiContext, path: ObjectPath, request: ApiRequest): Promise<Answer> {
  const dryRun = parseDryRun(request.query);
  const apply = parsePatch(path, request);
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) throw notFound(path.kind, path.name);
    const patched = apply({ ...current, apiVersion: apiVersionOf(path.kind, path.version) });
    const draft = parseDraft(path, patched);
    const { object, warnings } = await replace(context, tables, path, { current, draft, dryRun });
    return objectAnswer(object, { warnings });
  });
}

/** The change that a patch makes of an object; @throws ApiError 400, 415 */
export function parsePatch(path: ObjectPath, { contentType, body }: ApiRequest): Patch {
  switch (contentType) {
    case 'application/merge-patch+json':
      return parseMergePatch(body);
    case 'application/json-patch+json':
      return parseJsonPatch(body);
    case 'application/strategic-merge-patch+json':
      return parseStrategicPatch(path, body);
    case 'application/apply-patch+yaml':
    case 'application/apply-patch+cbor':
      throw unsupportedMediaType(
        'server-side apply is not supported: leave out --server-side, so that kubectl computes the patch itself',
      );
    default:
      throw unsupportedMediaType(
        `a patch must be application/merge-patch+json or application/json-patch+json, not "${contentType}"`,
      );
  }
}

/** RFC 7396. */
function parseMergePatch(body: Uint8Array): Patch {
  const change = parseJson(body);
  if (!isRecord(change)) throw badRequest('a merge patch must be one object');
  return (object) => merge(object, change);
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

/**
 * Kubernetes' own kinds are patched like this by `kubectl apply` and `edit`, whatever the server says; where a patch
 * holds no list and no directive, it means what a merge patch does.
 */
function parseStrategicPatch({ kind }: ObjectPath, body: Uint8Array): Patch {
  const refusal =
    'strategic merge patches are not supported for this: use a merge patch (kubectl patch --type merge)';
  if (kind.group !== '' || !isPlain(parseJson(body))) throw unsupportedMediaType(refusal);
  return parseMergePatch(body);
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return false;
  if (!isRecord(value)) return true;
  return Object.entries(value).every(([name, member]) => !name.startsWith('$') && isPlain(member));
}

/** RFC 6902. */
function parseJsonPatch(body: Uint8Array): Patch {
  const parsed = operations.safeParse(parseJson(body));
  if (!parsed.success)
    throw badRequest(`not a list of JSON patch operations: ${z.prettifyError(parsed.error)}`);
  return (object) => {
    const patched = structuredClone(object);
    let failed: unknown;
    try {
      // The library checks each operation for what it needs beside `op` and `path`.
      failed = applyPatch(patched, parsed.data as unknown as Operation[]).find((result) => result !== null);
    } catch (error) {
      failed = error;
    }
    if (failed === undefined) return patched;
    throw new ApiError(422, 'Invalid', `the JSON patch can't be applied: ${messageOf(failed)}`);
  };
}
