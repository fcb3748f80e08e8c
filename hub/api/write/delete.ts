import { z } from 'zod';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { storedKindOf } from '../../../shared/model/kind.ts';
import { namespaceKind } from '../../../shared/model/namespace.ts';
import { fields } from '../../../shared/model/schema.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import { formatCauses, validate } from '../../../shared/model/validate.ts';
import type { ObjectRow, Tables } from '../../ports.ts';
import { admit } from './admit.ts';
import type { Answer } from '../answer.ts';
import { jsonReply, objectAnswer } from '../answer.ts';
import { parseBody } from './body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import type { Propagation } from './deletion.ts';
import { takeAway } from './deletion.ts';
import type { ApiError } from '../errors.ts';
import { badRequest, conflict, invalid, notFound, success } from '../errors.ts';
import { emptyNamespace } from '../namespaces.ts';
import type { ObjectPath, ResourcePath } from '../path.ts';
import { keyOf } from '../path.ts';
import { parseFlag } from '../query.ts';
import { parseSelection } from '../read/selection.ts';

const PROPAGATIONS = ['Orphan', 'Background', 'Foreground'] as const;

/** meta/v1 `DeleteOptions`. */
const deleteOptions = fields({
  apiVersion: z.string().optional(),
  kind: z.literal('DeleteOptions').optional(),
  // Of no effect: how long a guest gets to shut down is for its machine to say.
  gracePeriodSeconds: z.int().nullish(),
  preconditions: fields({ uid: z.string().nullish(), resourceVersion: z.string().nullish() }).nullish(),
  orphanDependents: z.boolean().nullish(),
  propagationPolicy: z.string().nullish(),
  dryRun: z.array(z.string()).nullish(),
  ignoreStoreReadErrorWithClusterBreakingPotential: z.boolean().nullish(),
});

interface DeleteOptions {
  readonly dryRun: boolean;
  /** Empty where there is no such precondition. */
  readonly uid: string;
  readonly resourceVersion: string;
  readonly propagation: Propagation;
  /** What says that it is not done yet where finalizers hold it. */
  readonly waitingCode: 200 | 202;
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
    if (waiting !== undefined) return objectAnswer(waiting, { code: options.waitingCode });
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
    const all = await objects.list(storedKindOf(path.kind), path.namespace);
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
  { dryRun, uid, resourceVersion, propagation }: DeleteOptions,
): Promise<ResourceObject | undefined> {
  const { objects } = tables;
  const { metadata } = current;
  if (uid !== '' && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid})`;
    throw conflictOf(path, `${why}. The object might have been deleted and then recreated`);
  }
  if (resourceVersion !== '' && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion})`;
    throw conflictOf(path, `${why}. The object might have been modified`);
  }
  const orphan = propagation === 'Orphan';
  await admit(context, tables, { verb: 'delete', kind: path.kind, object: current, orphan });
  if (path.kind === namespaceKind) await emptyNamespace(objects, context.kinds, path.name, dryRun);
  return takeAway(objects, keyOf(path), current, { propagation, nowMs: context.clock.now(), dryRun });
}

/** Upstream names the kind here, and not its resource. */
function conflictOf({ kind, name }: ObjectPath, why: string): ApiError {
  return conflict({ ...kind, plural: kind.kind }, name, why);
}

function parseDeleteOptions(request: ApiRequest): DeleteOptions {
  const checked = validate(deleteOptions, parseBody(request) ?? readQuery(request.query));
  if (!checked.ok) throw badRequest(`the DeleteOptions can't be read: ${formatCauses(checked.causes)}`);
  const { preconditions, orphanDependents, propagationPolicy } = checked.value;
  return {
    dryRun: parseDryRun([...request.query.getAll('dryRun'), ...(checked.value.dryRun ?? [])]),
    uid: preconditions?.uid ?? '',
    resourceVersion: preconditions?.resourceVersion ?? '',
    propagation: parsePropagation(propagationPolicy || undefined, orphanDependents ?? undefined),
    waitingCode: orphanDependents === false ? 202 : 200,
  };
}

/** Refusals are in the words of apimachinery's `ValidateDeleteOptions`. */
function refuseOption(cause: FieldCause): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [cause]);
}

/** @throws ApiError 422 */
function parseDryRun(values: readonly string[]): boolean {
  const given = values.filter((value) => value !== '');
  if (given.every((value) => value === 'All')) return given.length > 0;
  const message = `${JSON.stringify(given)}: supported values: "All"`;
  throw refuseOption({ field: 'dryRun', reason: 'FieldValueNotSupported', message });
}

/** @throws ApiError 422 */
function parsePropagation(policy: string | undefined, orphan: boolean | undefined): Propagation {
  const refuse = (reason: FieldCause['reason'], message: string): ApiError =>
    refuseOption({ field: 'propagationPolicy', reason, message });
  if (policy === undefined) return orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background';
  if (orphan !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    throw refuse('FieldValueInvalid', `"${policy}": ${why}`);
  }
  const known = PROPAGATIONS.find((one) => one === policy);
  if (known !== undefined) return known;
  const supported = '"Background", "Foreground", "Orphan", "nil"';
  throw refuse('FieldValueNotSupported', `"${policy}": supported values: ${supported}`);
}

/** As in Kubernetes, the query stands in for a body that is left out. */
function readQuery(query: URLSearchParams): object {
  return {
    orphanDependents: parseFlag(query, 'orphanDependents'),
    propagationPolicy: query.get('propagationPolicy') || undefined,
    gracePeriodSeconds: query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined,
  };
}
