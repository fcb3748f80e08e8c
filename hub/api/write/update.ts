import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { isBuiltIn } from '../../../shared/model/kind.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import type { Manager } from '../../apply/managers.ts';
import type { Tables } from '../../ports.ts';
import { admit } from './admit.ts';
import type { Answer } from '../answer.ts';
import { objectAnswer } from '../answer.ts';
import { readBody } from './body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { decodeObject } from './decode.ts';
import type { Draft } from './draft.ts';
import { asStored, checkDraft, checkObject, completeObject, parseDraft } from './draft.ts';
import { conflict, invalid, notFound, warningToo } from '../errors.ts';
import type { Author } from './field-managers.ts';
import { HUB_AUTHOR, manageUpdate, settleTime, subresourceOf, withManagers } from './field-managers.ts';
import { isDeleting, keptMetadata, metadataCauses, withGeneration } from './metadata.ts';
import { completeNamespace } from '../namespaces.ts';
import type { ObjectPath } from '../path.ts';
import { keyOf } from '../path.ts';
import { findWarnings } from '../warning.ts';
import { parseWriteOptions } from './write-options.ts';

export async function update(context: ApiContext, asked: ObjectPath, request: ApiRequest): Promise<Answer> {
  const options = parseWriteOptions(request, 'UpdateOptions');
  const decoded = decodeObject(context, asked, readBody(request), options.validation);
  const { path, draft } = asStored(asked, parseDraft(asked, decoded.value));
  const author: Author = { ...options, version: path.version, subresource: subresourceOf(path) };
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) throw notFound(path.kind, path.name);
    if (isVersionMissing(path.kind, draft)) throw invalid(path.kind, path.name, [VERSION_MISSING]);
    const { dryRun } = options;
    const { object, warnings } = await warningToo(decoded.warnings, () =>
      replace(context, tables, path, { current, draft, dryRun, author }),
    );
    return objectAnswer(object, { warnings: [...decoded.warnings, ...warnings] });
  });
}

/** As upstream: of Kubernetes' own kinds, an update may go over whatever is there. */
function isVersionMissing(kind: KindDefinition, { metadata }: Draft): boolean {
  return !isBuiltIn(kind) && (metadata['resourceVersion'] ?? '') === '';
}

/** Without it a client would undo what it has not seen. */
const VERSION_MISSING: FieldCause = {
  field: 'metadata.resourceVersion',
  reason: 'FieldValueInvalid',
  message: '0x0: must be specified for an update',
};

interface Replacement {
  readonly current: ResourceObject;
  readonly draft: Draft;
  readonly dryRun: boolean;
  readonly author?: Author;
  /** In place of an author: who manages which of its fields from now on. */
  readonly managers?: readonly Manager[];
}

export interface Written {
  readonly object: ResourceObject;
  /** What the client is to be told of it. */
  readonly warnings: readonly string[];
}

/** Puts a draft in the place of an object, or its status in the place of the object's; returns what came of it. */
export async function replace(
  context: ApiContext,
  tables: Tables,
  path: ObjectPath,
  { current, draft, dryRun, author = HUB_AUTHOR, managers }: Replacement,
): Promise<Written> {
  refuseOtherVersion(path, current, draft);
  const content = path.status ? replaceStatus(path, current, draft) : replaceContent(path, current, draft);
  const next =
    managers === undefined
      ? manageUpdate(context, path.kind, current, content, author, draft.metadata['managedFields'])
      : settleTime(current, withManagers(content, managers));
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
    const why = `Precondition failed: UID in precondition: ${String(uid)}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(path.kind, path.name, why);
  }
  if ((resourceVersion ?? '') !== '' && resourceVersion !== current.metadata.resourceVersion) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflict(path.kind, path.name, why);
  }
}
