import { z } from 'zod';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { groupKindOf } from '../../shared/model/kind.ts';
import { namespaceKind } from '../../shared/model/namespace.ts';
import { fields } from '../../shared/model/schema.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import type { ObjectRow, Tables } from '../ports.ts';
import { admit } from './admit.ts';
import type { Answer } from './answer.ts';
import { jsonReply, objectAnswer } from './answer.ts';
import { parseBody } from './body.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { badRequest, conflict, notFound, success } from './errors.ts';
import { isDeleting, markDeleted } from './metadata.ts';
import { emptyNamespace } from './namespaces.ts';
import type { ObjectPath, ResourcePath } from './path.ts';
import { keyOf } from './path.ts';
import { isDryRun, parseDryRun, parseFlag } from './query.ts';
import { parseSelection } from './selection.ts';

/**
 * meta/v1 `DeleteOptions`. What belongs to an object goes with it, sooner or later makes no difference; whether it
 * may be left there instead is for admission to say.
 */
const deleteOptions = fields({
  apiVersion: z.string().optional(),
  kind: z.literal('DeleteOptions').optional(),
  gracePeriodSeconds: z.int().min(0).nullish(),
  preconditions: fields({ uid: z.string().nullish(), resourceVersion: z.string().nullish() }).nullish(),
  orphanDependents: z.boolean().nullish(),
  propagationPolicy: z.enum(['Orphan', 'Background', 'Foreground']).nullish(),
  dryRun: z.array(z.string()).nullish(),
});

interface DeleteOptions {
  readonly dryRun: boolean;
  /** Empty where there is no such precondition. */
  readonly uid: string;
  readonly resourceVersion: string;
  readonly orphan: boolean;
}

export async function deleteObject(
  context: ApiContext,
  path: ObjectPath,
  request: ApiRequest,
): Promise<Answer> {
  const options = parseDeleteOptions(request);
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) throw notFound(path.kind, path.name);
    const waiting = await remove(context, tables, path, current, options);
    if (waiting !== undefined) return objectAnswer(waiting);
    const { group, plural } = path.kind;
    const uid = current.metadata.uid ?? '';
    return jsonReply(success({ name: path.name, group, kind: plural, uid }));
  });
}

/** Deletes what is selected, all of it or, where one of them is refused, nothing. */
export async function deleteCollection(
  context: ApiContext,
  path: ResourcePath,
  request: ApiRequest,
): Promise<Answer> {
  const options = parseDeleteOptions(request);
  const selection = parseSelection(context, path, request.query);
  return context.store.transaction(async (tables) => {
    const { objects } = tables;
    const all = await objects.list(groupKindOf(path.kind), path.namespace);
    const rows: ObjectRow[] = [];
    for (const object of all.filter((candidate) => selection.matches(candidate))) {
      const { name, namespace } = object.metadata;
      const place = { ...path, ...(namespace !== undefined && { namespace }), name, status: false };
      const left = (await remove(context, tables, place, object, options)) ?? object;
      rows.push({ namespace: namespace ?? '', name, text: JSON.stringify(left) });
    }
    return { form: 'list', rows, metadata: { resourceVersion: String(await objects.resourceVersion()) } };
  });
}

/** Removes an object at once, or marks it for its finalizers' owners: then it is returned as it waits for them. */
async function remove(
  context: ApiContext,
  tables: Tables,
  path: ObjectPath,
  current: ResourceObject,
  { dryRun, uid, resourceVersion, orphan }: DeleteOptions,
): Promise<ResourceObject | undefined> {
  const { objects } = tables;
  const { metadata } = current;
  if (uid !== '' && uid !== metadata.uid) {
    throw conflict(path.kind, path.name, `the uid asked for is ${uid}, the object's is ${metadata.uid}`);
  }
  if (resourceVersion !== '' && resourceVersion !== metadata.resourceVersion) {
    const why = `the resource version asked for is ${resourceVersion}, the object's is ${metadata.resourceVersion}`;
    throw conflict(path.kind, path.name, why);
  }
  await admit(context, tables, { verb: 'delete', kind: path.kind, object: current, orphan });
  if (path.kind === namespaceKind) await emptyNamespace(objects, context.kinds, path.name, dryRun);
  if (isDeleting(metadata)) return current;
  if ((metadata.finalizers ?? []).length === 0) {
    if (!dryRun) await objects.remove(keyOf(path));
    return undefined;
  }
  const marked = markDeleted(current, context.clock.now());
  return dryRun ? marked : objects.put(keyOf(path), marked);
}

function parseDeleteOptions(request: ApiRequest): DeleteOptions {
  const checked = validate(deleteOptions, parseBody(request) ?? readQuery(request.query));
  if (!checked.ok) throw badRequest(`the DeleteOptions can't be read: ${formatCauses(checked.causes)}`);
  const { dryRun, preconditions, orphanDependents, propagationPolicy } = checked.value;
  return {
    dryRun: parseDryRun(request.query) || isDryRun(dryRun ?? []),
    uid: preconditions?.uid ?? '',
    resourceVersion: preconditions?.resourceVersion ?? '',
    orphan: orphanDependents === true || propagationPolicy === 'Orphan',
  };
}

/** As in Kubernetes, the query stands in for a body that is left out. */
function readQuery(query: URLSearchParams): object {
  return {
    orphanDependents: parseFlag(query, 'orphanDependents'),
    propagationPolicy: query.get('propagationPolicy') || undefined,
  };
}
