import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { Tables } from '../ports.ts';
import { admit } from './admit.ts';
import type { Answer } from './answer.ts';
import { objectAnswer } from './answer.ts';
import { parseBody } from './body.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import type { Draft } from './draft.ts';
import { checkDraft, checkObject, completeObject, parseDraft } from './draft.ts';
import { conflict, invalid, notFound } from './errors.ts';
import { isDeleting, keptMetadata, metadataCauses, withGeneration } from './metadata.ts';
import { completeNamespace } from './namespaces.ts';
import type { ObjectPath } from './path.ts';
import { keyOf } from './path.ts';
import { parseDryRun } from './query.ts';
import { findWarnings } from './warning.ts';

export async function update(context: ApiContext, path: ObjectPath, request: ApiRequest): Promise<Answer> {
  const dryRun = parseDryRun(request.query);
  const draft = parseDraft(path, parseBody(request));
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) throw notFound(path.kind, path.name);
    if ((draft.metadata['resourceVersion'] ?? '') === '')
      throw invalid(path.kind, path.name, [VERSION_MISSING]);
    const { object, warnings } = await replace(context, tables, path, { current, draft, dryRun });
    return objectAnswer(object, { warnings });
  });
}

/** Without it a client would undo what it has not seen. */
const VERSION_MISSING: FieldCause = {
  field: 'metadata.resourceVersion',
  reason: 'FieldValueInvalid',
  message: 'must be specified for an update',
};

interface Replacement {
  readonly current: ResourceObject;
  readonly draft: Draft;
  readonly dryRun: boolean;
}

interface Replaced {
  readonly object: ResourceObject;
  /** What the client is to be told of it. */
  readonly warnings: readonly string[];
}

/** Puts a draft in the place of an object, or its status in the place of the object's; returns what came of it. */
export async function replace(
  context: ApiContext,
  tables: Tables,
  path: ObjectPath,
  { current, draft, dryRun }: Replacement,
): Promise<Replaced> {
  refuseOtherVersion(path, current, draft);
  const next = path.status ? replaceStatus(path, current, draft) : replaceContent(path, current, draft);
  const admission = { verb: 'update', kind: path.kind, object: next, previous: current } as const;
  await admit(context, tables, admission);
  // A label or a status is written without the rest being looked at again.
  const isNew = next.metadata.generation !== current.metadata.generation;
  const warnings = isNew ? await findWarnings(context, tables, admission) : [];
  if (dryRun) return { object: next, warnings };
  if (isDeleting(next.metadata) && (next.metadata.finalizers ?? []).length === 0) {
    await tables.objects.remove(keyOf(path));
    return { object: next, warnings };
  }
  return { object: await tables.objects.put(keyOf(path), next), warnings };
}

function replaceContent(path: ObjectPath, current: ResourceObject, draft: Draft): ResourceObject {
  const given = checkDraft(path, draft, keptMetadata(current.metadata, draft.metadata));
  const checked = completeObject(path, given);
  const causes = metadataCauses(current.metadata, draft.metadata, checked.metadata);
  if (causes.length > 0) throw invalid(path.kind, path.name, causes);
  const { status } = current;
  const keepsStatus = path.kind.statusSubresource && status !== undefined;
  return withGeneration(current, completeNamespace(keepsStatus ? { ...checked, status } : checked));
}

function replaceStatus(path: ObjectPath, current: ResourceObject, draft: Draft): ResourceObject {
  return checkObject(path, { ...current, status: draft['status'] });
}

function refuseOtherVersion(path: ObjectPath, current: ResourceObject, { metadata }: Draft): void {
  const { uid, resourceVersion } = metadata;
  if ((uid ?? '') !== '' && uid !== current.metadata.uid) {
    throw conflict(path.kind, path.name, `the object with the uid ${String(uid)} is no longer there`);
  }
  if ((resourceVersion ?? '') !== '' && resourceVersion !== current.metadata.resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(path.kind, path.name, why);
  }
}
