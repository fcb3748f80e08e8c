import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { Random } from '../../shared/ports.ts';
import type { ObjectTable } from '../ports.ts';
import { admit } from './admit.ts';
import type { Answer } from './answer.ts';
import { objectAnswer } from './answer.ts';
import { parseBody } from './body.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import type { Draft } from './draft.ts';
import { checkDraft, completeObject, parseDraft } from './draft.ts';
import { alreadyExists, badRequest, invalid } from './errors.ts';
import { newMetadata } from './metadata.ts';
import { completeNamespace, requireNamespace } from './namespaces.ts';
import type { ResourcePath } from './path.ts';
import { keyOf } from './path.ts';
import { parseDryRun } from './query.ts';
import { findWarnings } from './warning.ts';

/** As in Kubernetes' `names.SimpleNameGenerator`: no vowels, so that no words come about. */
const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const LONGEST_GENERATED_NAME = 63;
const GENERATED_NAME_TRIES = 8;

export async function create(context: ApiContext, path: ResourcePath, request: ApiRequest): Promise<Answer> {
  const dryRun = parseDryRun(request.query);
  const draft = parseDraft(path, parseBody(request));
  if ((draft.metadata['resourceVersion'] ?? '') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  return context.store.transaction(async (tables) => {
    const { objects } = tables;
    const { object, key } = await findName(context, path, draft, objects);
    if (path.namespace !== undefined) await requireNamespace(objects, path.kind, path.namespace);
    const admission = { verb: 'create', kind: path.kind, object } as const;
    await admit(context, tables, admission);
    const warnings = await findWarnings(context, tables, admission);
    const created = dryRun ? object : await objects.put(key, object);
    return objectAnswer(created, { code: 201, warnings });
  });
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
  const metadata = newMetadata({ ...draft.metadata, name, namespace: path.namespace }, context);
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
