import { canonicalJson } from '../../../shared/base/canonical-json.ts';
import { formatSeconds } from '../../../shared/base/time.ts';
import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { isBuiltIn } from '../../../shared/model/kind.ts';
import type { ObjectMeta } from '../../../shared/model/metadata.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import type { Clock, Random } from '../../../shared/ports.ts';
import type { Draft } from './draft.ts';

/** Who writes which field of an object's metadata: what the hub sets, a client can't. */

/** Fields that no client sets: who manages what is not tracked here. */
const UNSET = {
  managedFields: undefined,
  selfLink: undefined,
  resourceVersion: undefined,
  deletionTimestamp: undefined,
  deletionGracePeriodSeconds: undefined,
};

/** Metadata with what a new object gets. `creationTimestamp` has whole seconds, as in Kubernetes. */
export function newMetadata<T extends object>(
  given: T,
  kind: Pick<KindDefinition, 'group'>,
  { clock, random }: { clock: Clock; random: Random },
) {
  return {
    ...given,
    uid: random.uuid(),
    // Kubernetes' own kinds without a spec have none.
    generation: isBuiltIn(kind) ? undefined : 1,
    creationTimestamp: formatSeconds(clock.now()),
    ...UNSET,
  };
}

/** The metadata of an update: the client's, but for what it can't change. */
export function keptMetadata(current: ObjectMeta, given: Draft['metadata']): Draft['metadata'] {
  return {
    ...given,
    ...UNSET,
    name: current.name,
    namespace: current.namespace,
    generateName: current.generateName,
    uid: current.uid,
    resourceVersion: current.resourceVersion,
    generation: current.generation,
    creationTimestamp: current.creationTimestamp,
    deletionTimestamp: current.deletionTimestamp,
    deletionGracePeriodSeconds: current.deletionGracePeriodSeconds,
  };
}

/** What of a client's metadata is against the rules of updating, beside what its schema says. */
export function metadataCauses(
  current: ObjectMeta,
  given: Draft['metadata'],
  next: ObjectMeta,
): FieldCause[] {
  const causes: FieldCause[] = [];
  const created = given['creationTimestamp'];
  if (typeof created === 'string' && Date.parse(created) !== Date.parse(current.creationTimestamp ?? '')) {
    const field = 'metadata.creationTimestamp';
    causes.push({ field, reason: 'FieldValueInvalid', message: 'field is immutable' });
  }
  const added = (next.finalizers ?? []).filter(
    (finalizer) => !(current.finalizers ?? []).includes(finalizer),
  );
  if (isDeleting(current) && added.length > 0) {
    const message = `no new finalizers can be added while the object is being deleted: ${added.join(', ')}`;
    causes.push({ field: 'metadata.finalizers', reason: 'FieldValueForbidden', message });
  }
  return causes;
}

/** An object with its generation raised, where what is desired of it has changed. */
export function withGeneration(current: ResourceObject, next: ResourceObject): ResourceObject {
  return desiredPart(current) === desiredPart(next) ? next : raiseGeneration(next);
}

/** Objects that have no generation never get one. */
export function raiseGeneration(object: ResourceObject): ResourceObject {
  const { generation } = object.metadata;
  if (generation === undefined) return object;
  return { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
}

/** An object that waits for its finalizers' owners to let it go. */
export function markDeleted(object: ResourceObject, nowMs: number): ResourceObject {
  // The grace is over as soon as it begins: how long a guest gets to shut down is for its machine to say.
  const deletion = { deletionTimestamp: formatSeconds(nowMs), deletionGracePeriodSeconds: 0 };
  return raiseGeneration({ ...object, metadata: { ...object.metadata, ...deletion } });
}

export function isDeleting(metadata: ObjectMeta): boolean {
  return typeof metadata.deletionTimestamp === 'string';
}

function desiredPart({ metadata, status, ...rest }: ResourceObject): string {
  return canonicalJson(rest);
}
