import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import type { Random } from '../../../shared/ports.ts';
import type { Manager } from '../../apply/managers.ts';
import type { ObjectTable, Tables } from '../../ports.ts';
import { admit } from './admit.ts';
import type { Answer } from '../answer.ts';
import { objectAnswer } from '../answer.ts';
import { readBody } from './body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { decodeObject } from './decode.ts';
import type { Draft } from './draft.ts';
import { asStored, checkDraft, completeObject, parseDraft } from './draft.ts';
import { alreadyExists, badRequest, invalid, warningToo } from '../errors.ts';
import type { Author } from './field-managers.ts';
import { HUB_AUTHOR, manageCreation, withManagers } from './field-managers.ts';
import { newMetadata } from './metadata.ts';
import { completeNamespace, requireNamespace } from '../namespaces.ts';
import type { ResourcePath } from '../path.ts';
import { keyOf } from '../path.ts';
import type { Written } from './update.ts';
import { findWarnings } from '../warning.ts';
import { parseWriteOptions } from './write-options.ts';

/** As in Kubernetes' `names.SimpleNameGenerator`: no vowels, so that no words come about. */
const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const LONGEST_GENERATED_NAME = 63;
const GENERATED_NAME_TRIES = 8;

export async function create(context: ApiContext, asked: ResourcePath, request: ApiRequest): Promise<Answer> {
  const options = parseWriteOptions(request, 'CreateOptions');
  const decoded = decodeObject(context, asked, readBody(request), options.validation);
  const { path, draft } = asStored(asked, parseDraft(asked, decoded.value));
  if ((draft.metadata['resourceVersion'] ?? '') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const author: Author = { manager: options.manager, version: path.version, subresource: '' };
  return context.store.transaction(async (tables) => {
    const { dryRun } = options;
    const { object, warnings } = await warningToo(decoded.warnings, () =>
      insert(context, tables, path, { draft, author, dryRun }),
    );
    return objectAnswer(object, { code: 201, warnings: [...decoded.warnings, ...warnings] });
  });
}

interface Insertion {
  readonly draft: Draft;
  readonly dryRun: boolean;
  readonly author?: Author;
  /** In place of an author: who manages which of its fields. */
  readonly managers?: readonly Manager[];
}

/** Makes an object of a draft; returns it with what of it changes nothing. */
export async function insert(
  context: ApiContext,
  tables: Tables,
  path: ResourcePath,
  { draft, dryRun, author = HUB_AUTHOR, managers }: Insertion,
): Promise<Written> {
  const { objects } = tables;
  const { object, key } = await findName(context, path, draft, objects);
  if (path.namespace !== undefined) await requireNamespace(objects, path.kind, path.namespace);
  const managed =
    managers === undefined
      ? manageCreation(context, path.kind, object, author, draft.metadata['managedFields'])
      : withManagers(object, managers);
  const admission = { verb: 'create', kind: path.kind, object: managed } as const;
  await admit(context, tables, admission);
  const created = dryRun ? managed : await objects.put(key, managed);
  return { object: created, warnings: await findWarnings(context, tables, admission) };
}

/** The object to create, under a name that is free. */
async function findName(context: ApiContext, path: ResourcePath, draft: Draft, objects: ObjectTable) {
  const prefix = prefixOf(draft);
  for (let left = prefix === undefined ? 1 : GENERATED_NAME_TRIES; ; left -= 1) {
    const name = prefix === undefined ? draft.metadata['name'] : generateName(prefix, context.random);
    const object = complete(context, path, draft, name);
    const key = keyOf({ ...path, name: object.metadata.name, status: false });
    if ((await objects.get(key)) === undefined) return { object, key };
    if (left === 1) throw alreadyExists(path.kind, key.name);
  }
}

function complete(context: ApiContext, path: ResourcePath, draft: Draft, name: unknown): ResourceObject {
  if ((name ?? '') === '') {
    const cause = { field: 'metadata.name', reason: 'FieldValueRequired' } as const;
    const causes: FieldCause[] = [{ ...cause, message: 'name or generateName is required' }];
    throw invalid(path.kind, '', causes);
  }
  const metadata = newMetadata({ ...draft.metadata, name, namespace: path.namespace }, path.kind, context);
  return completeNamespace(completeObject(path, checkDraft(path, draft, metadata)));
}

/** `generateName`, where it is to be used; anything else that it may hold is for the schema to refuse. */
function prefixOf({ metadata }: Draft): string | undefined {
  const { name, generateName: prefix } = metadata;
  return (name ?? '') === '' && typeof prefix === 'string' && prefix !== '' ? prefix : undefined;
}

function generateName(prefix: string, random: Random): string {
  const suffix = Array.from({ length: SUFFIX_LENGTH }, () => {
    return SUFFIX_LETTERS[Math.floor(random.fraction() * SUFFIX_LETTERS.length)];
  });
  return `${prefix.slice(0, LONGEST_GENERATED_NAME - SUFFIX_LENGTH)}${suffix.join('')}`;
}
