import { formatSeconds } from '../../../shared/base/time.ts';
import { isSameJson } from '../../../shared/base/same-json.ts';
import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { apiVersionOf } from '../../../shared/model/kind.ts';
import type { Content, Writer } from '../../apply/apply.ts';
import { trackUpdate } from '../../apply/apply.ts';
import type { FieldSet } from '../../apply/field-set.ts';
import { NO_FIELDS, setOf } from '../../apply/field-set.ts';
import type { Manager } from '../../apply/managers.ts';
import { formatManagers, parseManagers } from '../../apply/managers.ts';
import type { ApiContext } from '../context.ts';
import type { ObjectPath } from '../path.ts';

/** Keeps `metadata.managedFields`: who wrote which field of an object last. */

/** Who writes: by which name, in which version, and by which subresource, if not the object itself. */
export interface Author {
  readonly manager: string;
  readonly version: string;
  readonly subresource: '' | 'status' | 'scale';
}

export function subresourceOf({ status, scale }: ObjectPath): Author['subresource'] {
  if (status) return 'status';
  return scale === true ? 'scale' : '';
}

/** Of what the hub itself changes for a client's order, as KubeVirt's API server does. */
export const HUB_AUTHOR: Author = { manager: 'holdfast-hub', version: '', subresource: '' };

const STATUS: FieldSet = setOf([['f:status']]);
const ALL_BUT_STATUS: FieldSet = setOf([['f:metadata'], ['f:spec']]);

export function writerOf(
  { clock }: ApiContext,
  kind: KindDefinition,
  { manager, version, subresource }: Author,
): Writer {
  return {
    manager,
    apiVersion: apiVersionOf(kind, version || kind.versions[0]),
    subresource,
    time: formatSeconds(clock.now()),
    ignored: !kind.statusSubresource ? NO_FIELDS : subresource === 'status' ? ALL_BUT_STATUS : STATUS,
  };
}

/** An object that is made, with its author as the manager of all that is in it. */
export function manageCreation(
  context: ApiContext,
  kind: KindDefinition,
  object: ResourceObject,
  author: Author,
  given: unknown,
): ResourceObject {
  const known = parseManagers(given) ?? [];
  const writer = writerOf(context, kind, author);
  return withManagers(
    object,
    trackUpdate(context.schemas.fieldType(kind), {}, contentOf(object), known, writer),
  );
}

/**
 * An object that is written anew, with what its author changed as the author's. One of which nobody is noted as a
 * manager stays so until something is applied to it.
 * @param given the `managedFields` that were sent: a list of nothing clears them, a good one takes their place
 */
export function manageUpdate(
  context: ApiContext,
  kind: KindDefinition,
  current: ResourceObject,
  next: ResourceObject,
  author: Author,
  given: unknown,
): ResourceObject {
  if (isReset(given)) return withManagers(next, []);
  const sent = author.subresource === '' ? (parseManagers(given) ?? []) : [];
  const known = sent.length > 0 ? sent : managersOf(current);
  if (known.length === 0) return next;
  const type = context.schemas.fieldType(kind);
  const writer = writerOf(context, kind, author);
  const managers = trackUpdate(type, contentOf(current), contentOf(next), known, writer);
  return settleTime(current, withManagers(next, managers));
}

export function managersOf({ metadata }: ResourceObject): Manager[] {
  return parseManagers(metadata.managedFields ?? []) ?? [];
}

/** An object without what is noted of its managers. */
export function contentOf(object: ResourceObject): Content {
  const { managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function withManagers(object: ResourceObject, managers: readonly Manager[]): ResourceObject {
  const { managedFields, ...metadata } = object.metadata;
  const formatted = formatManagers(managers);
  return {
    ...object,
    metadata: { ...metadata, ...(formatted !== undefined && { managedFields: formatted }) },
  };
}

/** What changes nothing but a time is not written: applying the same again leaves everything as it is. */
export function settleTime(current: ResourceObject, next: ResourceObject): ResourceObject {
  const timeless = ({ metadata }: ResourceObject) =>
    (metadata.managedFields ?? []).map((entry) => ({ ...(entry as object), time: undefined }));
  if (!isSameJson(timeless(current), timeless(next))) return next;
  if (!isSameJson(contentOf(current), contentOf(next))) return next;
  return withManagers(next, managersOf(current));
}

function isReset(given: unknown): boolean {
  if (!Array.isArray(given)) return false;
  const [first] = given as unknown[];
  return given.length === 0 || (given.length === 1 && isSameJson(first, {}));
}
