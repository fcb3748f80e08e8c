import { canonicalJson } from '../../../shared/base/canonical-json.ts';
import { isRecord } from '../../../shared/base/record.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { apiVersionOf } from '../../../shared/model/kind.ts';
import type { Conflict, Content } from '../../apply/apply.ts';
import { BEFORE_FIRST_APPLY, applyConfiguration, trackUpdate } from '../../apply/apply.ts';
import { compare } from '../../apply/compare.ts';
import type { FieldSet } from '../../apply/field-set.ts';
import { NO_FIELDS, difference, formatFieldPath, union } from '../../apply/field-set.ts';
import { ListItemError } from '../../apply/field-type.ts';
import { fieldsOf } from '../../apply/fields-of.ts';
import type { Manager } from '../../apply/managers.ts';
import type { Answer } from '../answer.ts';
import { objectAnswer } from '../answer.ts';
import type { Body } from './body.ts';
import { readYaml } from './body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { insert } from './create.ts';
import { hintsOf } from './decode.ts';
import type { Draft } from './draft.ts';
import { asStored, parseDraft } from './draft.ts';
import { ApiError, badRequest, conflict, notFound } from '../errors.ts';
import { contentOf, managersOf, subresourceOf, writerOf } from './field-managers.ts';
import type { ObjectPath } from '../path.ts';
import { keyOf } from '../path.ts';
import { replace } from './update.ts';
import type { WriteOptions } from './write-options.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Server-side apply: makes the object, or brings what its manager applies to the one that is there.
 * @throws ApiError 409 naming the fields that others own and by whom they are, 400, 404, 422
 */
export async function apply(
  context: ApiContext,
  asked: ObjectPath,
  request: ApiRequest,
  options: WriteOptions,
): Promise<Answer> {
  const body = readYaml(request.body);
  const { path, draft: configuration } = asStored(asked, parseConfiguration(context, asked, body));
  const warnings = settleDuplicates(body, options);
  const { dryRun } = options;
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) {
      if (path.status) throw notFound(path.kind, path.name);
      const uid = configuration.metadata['uid'] ?? '';
      if (uid !== '') throw conflict(path.kind, path.name, uidMismatch(uid));
      const { draft, managers } = applyTo(context, path, undefined, configuration, options);
      const made = await insert(context, tables, path, { draft, managers, dryRun });
      return objectAnswer(made.object, { code: 201, warnings: [...warnings, ...made.warnings] });
    }
    const { draft, managers } = applyTo(context, path, current, configuration, options);
    const written = await replace(context, tables, path, { current, draft, managers, dryRun });
    return objectAnswer(written.object, { warnings: [...warnings, ...written.warnings] });
  });
}

function uidMismatch(uid: unknown): string {
  return `uid mismatch: the provided object specified uid ${typeof uid === 'string' ? uid : JSON.stringify(uid)}, and no existing object was found`;
}

/** What is applied: a part of an object of the path's kind, with no field that the kind does not have. */
function parseConfiguration({ schemas }: ApiContext, path: ObjectPath, { value }: Body): Draft {
  const { kind, version, name, namespace } = path;
  if (!isRecord(value)) throw badRequest('error decoding patch: what is applied must be one object');
  const type = (version_: unknown, kind_: unknown) => `${String(version_)}, Kind=${String(kind_)}`;
  const expected = apiVersionOf(kind, version);
  if (value['apiVersion'] !== expected || value['kind'] !== kind.kind) {
    throw badRequest(`invalid object type: ${type(value['apiVersion'], value['kind'])}`);
  }
  const { value: known, unknown } = schemas.prune(kind, value);
  const [first] = unknown;
  if (first !== undefined) {
    const group = kind.group === '' ? `/${version}` : expected;
    const place = namespace === undefined ? name : `${namespace}/${name}`;
    const subject = `failed to create typed patch object (${place}; ${type(group, kind.kind)})`;
    const why = unknown.map(({ field }) => `.${field}: field not declared in schema`).join('\n');
    throw badRequest(`${subject}: ${why}`, hintsOf(unknown));
  }
  const draft = parseDraft(path, known);
  if (Array.isArray(draft.metadata['managedFields']) && draft.metadata['managedFields'].length > 0) {
    throw badRequest('metadata.managedFields must be nil');
  }
  return draft;
}

/** What is there twice in what is applied; @throws ApiError 400 */
function settleDuplicates({ duplicates }: Body, { validation }: WriteOptions): readonly string[] {
  if (validation === 'Strict' && duplicates.length > 0) {
    throw badRequest(`error strict decoding patch: ${duplicates.join(', ')}`);
  }
  return validation === 'Warn' ? duplicates : [];
}

function applyTo(
  context: ApiContext,
  path: ObjectPath,
  current: ResourceObject | undefined,
  configuration: Draft,
  { manager, force }: WriteOptions,
): { readonly draft: Draft; readonly managers: readonly Manager[] } {
  const type = context.schemas.fieldType(path.kind);
  const subresource = subresourceOf(path);
  const author = { manager, version: path.version, subresource };
  const writer = writerOf(context, path.kind, author);
  const live: Content =
    current === undefined ? {} : { ...contentOf(current), apiVersion: configuration['apiVersion'] };
  const allowed = manager === 'kubectl' && !force ? ownedByClientSideApply(context, path, live) : NO_FIELDS;
  try {
    const known =
      current === undefined || managersOf(current).length > 0
        ? managersOf(current ?? ({ metadata: {} } as ResourceObject))
        : trackUpdate(type, {}, live, [], { ...writer, manager: BEFORE_FIRST_APPLY });
    const applied = applyConfiguration(type, live, configuration, known, writer, { force, allowed });
    if ('conflicts' in applied) throw applyConflict(applied.conflicts);
    const content = manager === 'kubectl' ? noteLastApplied(applied.content, configuration) : applied.content;
    return { draft: content as Draft, managers: applied.managers };
  } catch (error) {
    if (error instanceof ListItemError)
      throw badRequest(`failed to create typed patch object: ${error.message}`);
    throw error;
  }
}

/** In the words that clients know (apimachinery's `managedfields/internal/conflict.go`). */
function applyConflict(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describeManager(manager)}`,
    field: formatFieldPath(path),
  }));
  const [first] = causes;
  if (causes.length === 1 && first !== undefined) {
    const message = `Apply failed with 1 conflict: ${first.message}: ${first.field}`;
    return new ApiError(409, 'Conflict', message, { causes });
  }
  const managers = [...new Set(conflicts.map(({ manager }) => describeManager(manager)))].sort();
  const parts = managers.flatMap((described) => {
    const own = conflicts.filter(({ manager }) => describeManager(manager) === described);
    return [`conflicts with ${described}:`, ...own.map(({ path }) => `- ${formatFieldPath(path)}`)];
  });
  const message = `Apply failed with ${conflicts.length} conflicts: ${parts.join('\n')}`;
  return new ApiError(409, 'Conflict', message, { causes });
}

function describeManager({ manager, subresource, operation, apiVersion }: Manager): string {
  const within = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${within}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}

/** What `kubectl apply` computed itself before is its own still, where nobody has changed it since. */
function ownedByClientSideApply(context: ApiContext, path: ObjectPath, live: Content): FieldSet {
  const type = context.schemas.fieldType(path.kind);
  try {
    const applied = JSON.parse(annotationsOf(live)[LAST_APPLIED] ?? '') as unknown;
    if (!isRecord(applied) || applied['apiVersion'] !== live['apiVersion']) return NO_FIELDS;
    const { added, modified, removed } = compare(type, applied, live);
    return difference(fieldsOf(type, applied), union(union(added, modified), removed));
  } catch {
    // Whatever is in the annotation: it grants nothing.
    return NO_FIELDS;
  }
}

/** Keeps the note that `kubectl apply` without `--server-side` goes by true, where there is one. */
function noteLastApplied(content: Content, configuration: Draft): Content {
  const annotations = annotationsOf(content);
  if ((annotations[LAST_APPLIED] ?? '') === '') return content;
  const { annotations: applied, ...metadata } = configuration.metadata;
  const { [LAST_APPLIED]: last, ...given } = annotationsOf(configuration);
  const noted = applied === undefined ? metadata : { ...metadata, annotations: given };
  const note = `${canonicalJson({ ...configuration, metadata: noted })}\n`;
  return {
    ...content,
    metadata: { ...(content['metadata'] as object), annotations: { ...annotations, [LAST_APPLIED]: note } },
  };
}

function annotationsOf({ metadata }: Content): Readonly<Record<string, string>> {
  const annotations = isRecord(metadata) ? metadata['annotations'] : undefined;
  return isRecord(annotations) ? (annotations as Record<string, string>) : {};
}
